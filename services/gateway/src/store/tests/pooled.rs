//! Statements that are sent without a name, as behind a pooler.

use super::*;

impl Fixture {
    /// The same store as it is behind a pooler.
    pub(super) fn behind_a_pooler(&self) -> Store {
        let config = config(self.database.url_as(&self.role, "messaging"));
        // Nobody stands between here, so the settings may be asked for.
        let pool = pool(&config).unwrap().through(Pooler::Transaction);
        Store::new(pool, self.store.config)
    }
}

#[tokio::test]
async fn nothing_is_left_behind_on_a_connection() {
    let fixture = fixture().await;
    let pooled = fixture.behind_a_pooler();
    let dialog = pooled.open_dialog(UserId(1), UserId(2), MANY).await.unwrap().unwrap();
    let draft = message(dialog, 1, Some(2), "text");
    assert_eq!(stored_seq(&pooled.send(&[&draft], Locked::Wait).await.unwrap()[0]), 1);
    assert_eq!(pooled.dialog_history(dialog, page(10, 1)).await.unwrap().len(), 1);
    let count = |store: Store| async move {
        let row = store.row("SELECT count(*) FROM pg_prepared_statements WHERE NOT from_sql", &[]).await;
        row.unwrap().get::<_, i64>(0)
    };
    assert_eq!(count(pooled).await, 0);
    assert!(count(fixture.store.clone()).await > 0, "with names there are some");
}
