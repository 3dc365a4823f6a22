//! What operators do with users, through the program itself.

use serde_json::{Value, json};

use crate::service::{KeyFolder, PASSWORD, Run, Service};

/// Runs `accounts …` beside the service: exit code, standard output, standard error.
struct Operator<'a> {
    service: &'a Service,
    keys: KeyFolder,
}

impl<'a> Operator<'a> {
    /// With the rights of the role that serves, and no others.
    fn of(service: &'a Service) -> Self {
        Self { service, keys: KeyFolder::new() }
    }

    fn ask(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let run = Run::new(arguments[0], &self.service.url, &self.keys);
        arguments[1..].iter().fold(run, |run, argument| run.arg(argument)).told()
    }

    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let (code, out, log) = self.ask(&[arguments, &["--json"]].concat());
        assert_eq!(code, Some(0), "{log}");
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn one(&self, arguments: &[&str]) -> Value {
        let mut lines = self.json(arguments);
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)
    }

    async fn log_in(&self, email: &str, password: &str) -> crate::answer::Answer {
        self.service.post("/auth/login", &json!({ "email": email, "password": password })).await
    }
}

#[tokio::test]
async fn a_user_is_found_shown_and_exported() {
    let service = Service::start().await;
    let ann = service.user("Ann@x.io", Some("Ann")).await;
    service.log_in("ann@x.io").await;
    service.sign_up("bob@x.io", Some("Annegret"), None).await;
    let operator = Operator::of(&service);
    let id = ann.id.to_string();

    let shown = operator.one(&["user", "show", "ann@x.io"]);
    assert_eq!(shown, operator.one(&["user", "show", &id]));
    let expected = json!([ann.id, "Ann@x.io", true, "Ann", null, null, null, 2]);
    let keys =
        ["id", "email", "emailVerified", "firstName", "lastName", "removedAt", "lockedAt", "sessionCount"];
    assert_eq!(Value::from(keys.map(|key| shown[key].clone()).to_vec()), expected);
    let (code, table, log) = operator.ask(&["user", "show", &id, "--by", "eve"]);
    assert!(code == Some(0) && table.contains("email          Ann@x.io\n"), "{table}");
    let audit: Value =
        serde_json::from_str(log.lines().find(|line| line.contains("\"audit\"")).unwrap()).unwrap();
    assert_eq!(
        (&audit["action"], &audit["subject"], &audit["by"]),
        (&json!("user show"), &json!(ann.id), &json!("eve"))
    );
    assert!(!log.contains("x.io"), "{log}");

    let found = operator.json(&["user", "find", "ann"]);
    assert_eq!(
        found.iter().map(|user| user["firstName"].as_str().unwrap()).collect::<Vec<_>>(),
        ["Ann", "Annegret"]
    );
    assert_eq!(operator.json(&["user", "find", "ann", "--limit", "1"]).len(), 1);
    let sessions = operator.json(&["user", "sessions", &id]);
    assert_eq!(sessions.len(), 2);
    assert!(sessions.iter().any(|session| session["id"] == json!(ann.session())), "{sessions:?}");

    let (code, export, _) = operator.ask(&["user", "export", &id]);
    let held: Value = serde_json::from_str(&export).unwrap();
    assert_eq!((code, &held["user"], held["sessions"].as_array().unwrap().len()), (Some(0), &shown, 2));
    assert_eq!(held["knownAddresses"][0]["address"], "127.0.0.1");
    assert!(!export.contains("argon2") && !export.contains("Hash"), "{export}");

    for nobody in [
        ["user", "show", "999"],
        ["user", "show", "no@x.io"],
        ["user", "lock", "999"],
        ["user", "export", "999"],
    ] {
        let (code, out, log) = operator.ask(&nobody);
        assert!(code == Some(3) && out.is_empty() && log.contains("no such user"), "{nobody:?}: {log}");
    }
    assert_eq!(operator.ask(&["user", "show"]).0, Some(2));
    let (code, help, _) = operator.ask(&["user", "lock", "--help"]);
    assert!(code == Some(0) && help.contains("--reason"), "{help}");
}

#[tokio::test]
async fn a_locked_user_is_told_so_by_the_right_password_only() {
    let service = Service::start().await;
    let (ann, bob) = (service.user("ann@x.io", None).await, service.user("bob@x.io", None).await);
    let operator = Operator::of(&service);
    let id = ann.id.to_string();
    let locked = operator.one(&["user", "lock", &id, "--reason", "spam, case 7"]);
    assert!(locked["lockedAt"].is_string() && locked["lockReason"] == "spam, case 7", "{locked}");
    assert_eq!(locked["sessionCount"], 0);
    let again = operator.one(&["user", "lock", &id]);
    assert_eq!((&again["lockedAt"], &again["lockReason"]), (&locked["lockedAt"], &locked["lockReason"]));

    service.get("/profile", &ann.token).await.refused(401, "unauthorized");
    service.refresh(&ann.refresh_token).await.refused(401, "unauthorized");
    operator.log_in("ann@x.io", PASSWORD).await.refused(403, "account_locked");
    operator.log_in("ann@x.io", "a wrong one").await.refused(404, "wrong_credentials");
    assert_eq!(service.get("/profile", &bob.token).await.status, 200);
    let client = service.database().connect("accounts").await;
    let ended = "SELECT count(*) FROM ended_sessions WHERE user_id = $1";
    assert_eq!(client.query_one(ended, &[&ann.id]).await.unwrap().get::<_, i64>(0), 1);

    let free = operator.one(&["user", "unlock", &id]);
    assert!(free["lockedAt"].is_null() && free["lockReason"].is_null(), "{free}");
    service.log_in("ann@x.io").await;
}

#[tokio::test]
async fn of_an_erased_user_nothing_personal_is_left() {
    let service = Service::start().await;
    let ann = service.user("ann@x.io", Some("Ann")).await;
    let operator = Operator::of(&service);
    let id = ann.id.to_string();
    let client = service.database().connect("accounts").await;
    let letter = "INSERT INTO mail_tokens VALUES ($1, 'verify_email', 'x', 'new@x.io', 'new@x.io', now(), now() + interval '1 day')";
    client.execute(letter, &[&ann.id]).await.unwrap();
    operator.one(&["user", "lock", &id, "--reason", "Ann writes spam"]);
    operator.one(&["user", "unlock", &id]);
    operator.one(&["user", "lock", &id, "--reason", "Ann writes spam"]);

    let erased = operator.one(&["user", "erase", &id]);
    assert_eq!(erased, json!({ "id": ann.id, "erased": true, "wasErased": false }));
    let again = operator.one(&["user", "erase", &id]);
    assert_eq!(again, json!({ "id": ann.id, "erased": false, "wasErased": true }));
    operator.log_in("ann@x.io", PASSWORD).await.refused(404, "wrong_credentials");
    let row = "SELECT to_jsonb(u) - ARRAY['id', 'uuid', 'created_at', 'updated_at', 'deleted_at', 'email_unverified'] \
               FROM users u WHERE id = $1";
    let left: String = client.query_one(&format!("SELECT ({row})::text"), &[&ann.id]).await.unwrap().get(0);
    let left: Value = serde_json::from_str(&left).unwrap();
    assert!(left.as_object().unwrap().values().all(Value::is_null), "{left}");
    for table in ["sessions", "known_addresses", "mail_tokens"] {
        let count =
            client.query_one(&format!("SELECT count(*) FROM {table} WHERE user_id = $1"), &[&ann.id]).await;
        assert_eq!(count.unwrap().get::<_, i64>(0), 0, "{table}");
    }
    let shown = operator.one(&["user", "show", &id]);
    assert!(shown["removedAt"].is_string() && shown["email"].is_null(), "{shown}");
    service.sign_up("ann@x.io", None, None).await;
}

#[tokio::test]
async fn what_has_expired_is_deleted_by_itself() {
    let service = Service::start_with(&[("ACCOUNTS_HOUSEKEEPING_MS", "100")]).await;
    let ann = service.user("ann@x.io", None).await;
    let client = service.database().connect("accounts").await;
    let old = format!(
        "INSERT INTO mail_tokens VALUES ({id}, 'verify_email', 'x', 'a@x.io', 'a@x.io', now(), now() - interval '1 s'); \
         INSERT INTO mail_tokens VALUES ({id}, 'reset_password', 'y', 'a@x.io', 'a@x.io', now(), now() + interval '1 h'); \
         INSERT INTO known_addresses VALUES ({id}, '192.0.2.1', now() - interval '31 days'), ({id}, '192.0.2.2', now() - interval '29 days')",
        id = ann.id
    );
    client.batch_execute(&old).await.unwrap();
    let left = "SELECT (SELECT count(*) FROM mail_tokens) || ' ' || (SELECT count(*) FROM known_addresses)";
    let deadline = tokio::time::Instant::now() + crate::service::PATIENCE;
    loop {
        let left: String = client.query_one(left, &[]).await.unwrap().get(0);
        if left == "1 2" {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{left}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
