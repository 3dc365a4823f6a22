use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use messenger_chassis::migrate;
use messenger_chassis::postgres::{self, Pooler, PostgresConfig};
use messenger_support::{Role, TestDatabase, database, hold_statements};
use uuid::Uuid;

use super::*;
use crate::domain::{
    Bearer, Email, Error, Name, NewUser, Page, ProfileChange, SearchLimit, SearchText, Session, User, UserId,
};

mod ended;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 123_000_000);
const HASH: &str = "$argon2id$first";

mod privileges;

/// A store over a migrated database of its own, with the rights of the role that serves and no others.
async fn store() -> (TestDatabase, Store) {
    let (database, store, _) = store_and_role().await;
    (database, store)
}

async fn store_and_role() -> (TestDatabase, Store, Role) {
    let database = database().await;
    let [role, _] = database.roles().await;
    let owner = postgres::connection_config(&config(database.url_for("accounts"))).unwrap();
    migrate::run(&owner, migrations::migrations::runner()).await.unwrap();
    migrate::grant(&owner, &role.name, GRANTS).await.unwrap();
    let store = Store::new(postgres::pool(&config(database.url_as(&role, "accounts"))).unwrap());
    (database, store, role)
}

fn config(url: String) -> PostgresConfig {
    PostgresConfig {
        url: url.into(),
        ca: None,
        pooler: Pooler::None,
        connections: 8,
        wait: Duration::from_secs(10),
        statement: Duration::from_secs(20),
    }
}

fn new_user(email: &str, first: Option<&str>, last: Option<&str>) -> NewUser {
    let name = |text: Option<&str>| text.map(|text| Name::parse(text).unwrap());
    NewUser { email: Email::parse(email).unwrap(), first_name: name(first), last_name: name(last) }
}

async fn insert(store: &Store, email: &str, first: Option<&str>, last: Option<&str>) -> UserId {
    store.insert_user(&new_user(email, first, last), HASH, false, NOW).await.unwrap()
}

fn session(user_id: UserId, created_at: Timestamp) -> Session {
    let expires_at = created_at.saturating_add(Duration::from_secs(60)).unwrap();
    let (family, secret) = ([1; 32], [2; 32]);
    Session { id: Uuid::new_v4(), user_id, user_agent: None, created_at, expires_at, family, secret }
}

async fn found(store: &Store, text: &str) -> Vec<UserId> {
    let text = SearchText::parse(text).unwrap();
    let users = store.search_users(&text, SearchLimit::parse(Some(100)).unwrap()).await.unwrap();
    users.iter().map(|user| user.id).collect()
}

async fn is_alive(store: &Store, user: &User, session: &Session) -> bool {
    let bearer = Bearer { user_id: user.id, user_uuid: user.uuid, session_id: session.id };
    store.user_of_bearer(&bearer, NOW).await.unwrap().is_some()
}

/// Those of this version, and those of the versions before it.
#[tokio::test]
async fn every_statement_fits_the_schema() {
    let (database, _store, role) = store_and_role().await;
    let client = database.connect_as(&role, "accounts").await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/accounts/statements");
    let all = migrations::migrations::runner();
    let newest = all.get_migrations().iter().map(|known| known.version()).max().unwrap();
    let ours: Vec<_> = statements().iter().map(|ours| (ours.name, ours.sql)).collect();
    hold_statements(&client, &folder, newest, &ours).await;
}

#[tokio::test]
async fn the_store_refuses_a_second_owner_of_an_email() {
    let (_database, store) = store().await;
    let inserts = (0..8).map(|n| {
        let store = store.clone();
        let email = if n % 2 == 0 { "Ann@x.io" } else { "ann@X.IO" };
        async move { store.insert_user(&new_user(email, None, None), HASH, false, NOW).await }
    });
    let mut tasks = tokio::task::JoinSet::new();
    inserts.for_each(|insert| drop(tasks.spawn(insert)));
    let results = tasks.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(results.iter().filter(|result| matches!(result, Err(Error::EmailTaken))).count(), 7);
}

#[tokio::test]
async fn what_is_stored_is_read_back() {
    let (_database, store) = store().await;
    let id = insert(&store, "Ann@X.io", Some("Ann"), None).await;
    let stored = store.credentials_by_email(&Email::parse("aNN@x.io").unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.password_hash, HASH);
    assert_eq!((stored.user.id, stored.user.profile.email.as_str()), (id, "Ann@x.io"));
    assert_eq!((stored.user.created_at, stored.user.removed), (NOW, false));
    assert_eq!(store.user(id).await.unwrap(), Some(stored.user));
    assert_eq!(
        store.credentials_by_email(&Email::parse("b@x.io").unwrap()).await.unwrap().map(|c| c.user),
        None
    );
}

#[tokio::test]
async fn searches_match_prefixes_literally() {
    let (_database, store) = store().await;
    let ann = insert(&store, "ann@x.io", Some("Ann"), Some("Lee")).await;
    let annika = insert(&store, "annika@x.io", Some("Annika"), None).await;
    let elise = insert(&store, "e@x.io", Some("Élise"), Some("ANDERS")).await;
    let percent = insert(&store, "p@x.io", Some("%_\\'; DROP TABLE users; --"), None).await;
    let check =
        async |text: &str, expected: &[UserId]| assert_eq!(found(&store, text).await, expected, "{text}");
    check("ann", &[ann, annika]).await;
    check("ANN LEE", &[ann]).await;
    check("ann l", &[ann]).await;
    check("lee", &[ann]).await;
    check("éLISE", &[elise]).await;
    check("and", &[elise]).await;
    check("nn", &[]).await;
    check("%", &[percent]).await;
    check("_", &[]).await;
    check("%_\\'; drop", &[percent]).await;
    check("ANN@x.io", &[ann]).await;
    check("ann@x", &[]).await;
}

#[tokio::test]
async fn a_search_is_cut_to_its_limit() {
    let (_database, store) = store().await;
    for n in 0..5 {
        insert(&store, &format!("a{n}@x.io"), Some(&format!("Same{n}")), Some("Same")).await;
    }
    let text = SearchText::parse("same").unwrap();
    let users = store.search_users(&text, SearchLimit::parse(Some(3)).unwrap()).await.unwrap();
    let names: Vec<_> = users.into_iter().filter_map(|user| user.profile.first_name).collect();
    assert_eq!(names, ["Same0", "Same1", "Same2"]);
}

#[tokio::test]
async fn lookups_of_many_users_use_indexes() {
    let (database, store) = store().await;
    let client = store.pool.get().await.unwrap();
    let fill = "INSERT INTO users (email, email_as_typed, first_name, name_key, last_name_key, password_hash, \
                created_at, updated_at) SELECT n || '@x.io', n || '@x.io', 'U' || n, 'u' || n, 'v' || n, 'h', \
                now(), now() FROM generate_series(1, 50000) n";
    client.batch_execute(fill).await.unwrap();
    let log_ins = "INSERT INTO sessions (id, user_id, created_at, last_seen_at, expires_at) \
                   SELECT uuid, id, now(), now(), now() FROM users; \
                   INSERT INTO ended_sessions (session_id, user_id, ended_at) SELECT uuid, id, now() FROM users";
    client.batch_execute(log_ins).await.unwrap();
    let of_users = "INSERT INTO known_addresses (user_id, address, seen_at) SELECT id, '10.0.0.1', now() FROM users; \
                    INSERT INTO mail_tokens (user_id, purpose, token_hash, email, email_as_typed, created_at, expires_at) \
                    SELECT id, 'reset_password', uuid_send(uuid), email, email, now(), now() FROM users";
    client.batch_execute(of_users).await.unwrap();
    database.connect("accounts").await.batch_execute("VACUUM ANALYZE").await.unwrap();
    client.batch_execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    for statement in
        statements().iter().filter(|s| s.sql.starts_with("SELECT") && !s.sql.contains("FOR NO KEY"))
    {
        let count = (1..=9).take_while(|n| statement.sql.contains(&format!("${n}"))).count();
        let explain = format!(
            "PREPARE probe AS {}; EXPLAIN EXECUTE probe({})",
            statement.sql,
            ["NULL"; 9][..count].join(", ")
        );
        let plan = client.simple_query(&explain).await.unwrap();
        let plan = format!("{plan:?}");
        assert!(plan.contains("Index") && !plan.contains("Seq Scan"), "{}: {plan}", statement.name);
        client.batch_execute("DEALLOCATE probe").await.unwrap();
    }
    // However many users share the prefix, or lie before the page.
    for (name, arguments, most) in [
        ("users.page", "21, 0", 20),
        ("users.page", "21, 40000", 150),
        ("users.search", "'u', 'u\u{10ffff}', '77@x.io', 20", 150),
        ("users.search", "'v4', 'v4\u{10ffff}', NULL, 20", 150),
        ("users.by_email", "ARRAY['77@x.io', '78@x.io']", 20),
        ("users.by_ids", "ARRAY[1, 20000, 40000]", 20),
    ] {
        let all = statements();
        let statement = all.iter().find(|statement| statement.name == name).unwrap();
        let probe = format!("PREPARE probe AS {}", statement.sql);
        client.batch_execute(&probe).await.unwrap();
        let explain = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) EXECUTE probe({arguments})");
        let plan: Vec<String> =
            client.query(&explain, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        let shared = plan.iter().find_map(|line| line.trim_start().strip_prefix("Buffers: shared "));
        let counts = shared.unwrap_or_default().split([' ', '=']).filter_map(|word| word.parse::<u32>().ok());
        let pages = counts.sum::<u32>();
        assert!((1..=most).contains(&pages), "{name} touches {pages} pages, not {most}: {plan:#?}");
        client.batch_execute("DEALLOCATE probe").await.unwrap();
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_removed_users() {
    let (_database, store) = store().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(insert(&store, &format!("a{n}@x.io"), None, None).await);
    }
    store.remove_user(ids[1], NOW).await.unwrap();
    let page = async |number| {
        let (users, more) = store.list_users(Page::parse(Some(2), Some(number)).unwrap()).await.unwrap();
        (users.iter().map(|user| user.id).collect::<Vec<_>>(), more)
    };
    assert_eq!(page(1).await, (vec![ids[0], ids[2]], true));
    assert_eq!(page(2).await, (vec![ids[3], ids[4]], false));
    assert_eq!(page(3).await, (vec![], false));
}

#[tokio::test]
async fn removal_leaves_nothing_personal_and_frees_the_email() {
    let (_database, store) = store().await;
    let id = insert(&store, "ann@x.io", Some("Ann"), Some("Lee")).await;
    let user = store.user(id).await.unwrap().unwrap();
    let session = session(id, NOW);
    assert!(store.open_session(&session, HASH, 10).await.unwrap().is_some());
    assert!(is_alive(&store, &user, &session).await);

    assert_eq!(store.remove_user(id, NOW).await.unwrap(), Some(vec![session.id]));
    assert_eq!(store.remove_user(id, NOW).await.unwrap(), None);
    assert!(!is_alive(&store, &user, &session).await);
    assert_eq!(store.user(id).await.unwrap(), None);
    assert!(found(&store, "ann").await.is_empty());
    let kept = store.users_by_ids(&[id, UserId::new(999).unwrap()]).await.unwrap();
    assert!(kept.len() == 1 && kept[0].removed && kept[0].profile == crate::domain::Profile::default());
    assert_ne!(insert(&store, "ann@x.io", None, None).await, id);
}

#[tokio::test]
async fn a_change_of_the_profile_keeps_the_rest() {
    let (_database, store) = store().await;
    let id = insert(&store, "ann@x.io", Some("Ann"), Some("Lee")).await;
    insert(&store, "bob@x.io", None, None).await;
    let change = ProfileChange { first_name: Some(None), ..ProfileChange::default() };
    assert!(store.change_profile(id, &change, NOW).await.unwrap());
    let profile = store.user(id).await.unwrap().unwrap().profile;
    assert_eq!(
        (profile.email.as_str(), profile.first_name, profile.last_name.as_deref()),
        ("ann@x.io", None, Some("Lee"))
    );
    assert_eq!(found(&store, "lee").await, [id]);
    assert!(found(&store, "ann").await.is_empty());

    let email = |text| ProfileChange { email: Some(Email::parse(text).unwrap()), ..ProfileChange::default() };
    let taken = store.change_profile(id, &email("BOB@x.io"), NOW).await;
    assert!(matches!(taken, Err(Error::EmailTaken)), "{taken:?}");
    assert!(store.change_profile(id, &email("Ann2@x.io"), NOW).await.unwrap());
    assert!(store.credentials_by_email(&Email::parse("ann2@x.io").unwrap()).await.unwrap().is_some());
    assert!(!store.change_profile(UserId::new(999).unwrap(), &change, NOW).await.unwrap());
}

#[tokio::test]
async fn a_new_password_ends_all_sessions_but_one() {
    let (_database, store) = store().await;
    let id = insert(&store, "ann@x.io", None, None).await;
    let user = store.user(id).await.unwrap().unwrap();
    let (mine, other) = (session(id, NOW), session(id, NOW));
    assert!(store.open_session(&mine, HASH, 10).await.unwrap().is_some());
    assert!(store.open_session(&other, HASH, 10).await.unwrap().is_some());
    assert_eq!(store.change_password(id, ("$other", "$second"), mine.id, NOW).await.unwrap(), None);
    let ended = store.change_password(id, (HASH, "$second"), mine.id, NOW).await.unwrap();
    assert_eq!(ended, Some(vec![other.id]));
    assert!(is_alive(&store, &user, &mine).await);
    assert!(!is_alive(&store, &user, &other).await);
    assert!(
        store.open_session(&session(id, NOW), HASH, 10).await.unwrap().is_none(),
        "the old password opens nothing"
    );
}

#[tokio::test]
async fn no_log_in_with_the_old_password_survives_its_change() {
    let (_database, store) = store().await;
    let id = insert(&store, "ann@x.io", None, None).await;
    let user = store.user(id).await.unwrap().unwrap();
    let sessions: Vec<_> = (0..40).map(|_| session(id, NOW)).collect();
    let mut log_ins = tokio::task::JoinSet::new();
    for session in sessions.clone() {
        let store = store.clone();
        log_ins.spawn(async move { store.open_session(&session, HASH, 100).await.unwrap() });
    }
    assert!(store.change_password(id, (HASH, "$second"), Uuid::nil(), NOW).await.unwrap().is_some());
    log_ins.join_all().await;
    for session in &sessions {
        assert!(!is_alive(&store, &user, session).await);
    }
}

#[tokio::test]
async fn the_oldest_session_gives_way() {
    let (_database, store) = store().await;
    let id = insert(&store, "ann@x.io", None, None).await;
    let user = store.user(id).await.unwrap().unwrap();
    let at = |second: u64| NOW.saturating_add(Duration::from_secs(second)).unwrap();
    let sessions: Vec<_> = (0..4).map(|n| session(id, at(n))).collect();
    let mut ended = Vec::new();
    for session in &sessions {
        ended.extend(store.open_session(session, HASH, 3).await.unwrap().unwrap());
    }
    assert_eq!(ended, [sessions[0].id]);
    let mut alive = Vec::new();
    for session in &sessions {
        alive.push(is_alive(&store, &user, session).await);
    }
    assert_eq!(alive, [false, true, true, true]);
}

#[tokio::test]
async fn a_server_that_is_gone_is_a_temporary_error() {
    let config = PostgresConfig {
        url: "postgres://nobody@127.0.0.1:1/none".into(),
        ca: None,
        pooler: Pooler::None,
        connections: 1,
        wait: Duration::from_secs(2),
        statement: Duration::from_secs(2),
    };
    let store = Store::new(postgres::pool(&config).unwrap());
    let result = store.user(UserId::new(1).unwrap()).await;
    assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
}
