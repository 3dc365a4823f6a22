//! One account for each address, however it is written, and none for addresses that pose as others.

use serde_json::json;

use crate::service::{PASSWORD, Service};

#[tokio::test]
async fn a_domain_in_both_spellings_is_one_account() {
    let service = Service::start().await;
    service.sign_up("ann@bücher.example", None, None).await;
    for email in ["ann@xn--bcher-kva.example", "Ann@BÜCHER.example", "ann@bu\u{308}cher.example"] {
        let answer = service.post("/auth/sign-up", &json!({ "email": email, "password": PASSWORD })).await;
        answer.refused(400, "email_taken");
        assert_eq!(service.log_in(email).await.email, "ann@bücher.example");
    }
}

#[tokio::test]
async fn accounts_stored_before_that_are_reached_and_keep_their_address() {
    let service = Service::start().await;
    let (old, other) = (service.user("ann@x.io", None).await, service.user("bob@x.io", None).await);
    let database = service.database().connect("accounts").await;
    let set = "UPDATE users SET email = $2, email_as_typed = $2 WHERE id = $1";
    database.execute(set, &[&old.id, &"ann@xn--bcher-kva.example"]).await.unwrap();
    for email in ["ann@bücher.example", "ann@xn--bcher-kva.example"] {
        assert_eq!(service.log_in(email).await.id, old.id, "{email}");
        let answer = service.post("/auth/sign-up", &json!({ "email": email, "password": PASSWORD })).await;
        answer.refused(400, "email_taken");
        let answer = service.patch("/profile/update", &other.token, &json!({ "email": email })).await;
        answer.refused(400, "email_taken");
        // His own he may have.
        let answer = service.patch("/profile/update", &old.token, &json!({ "email": email })).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        database.execute(set, &[&old.id, &"ann@xn--bcher-kva.example"]).await.unwrap();
    }
    // Two that were told apart stay two.
    database.execute(set, &[&other.id, &"ann@bücher.example"]).await.unwrap();
    assert_eq!(service.log_in("ann@xn--bcher-kva.example").await.id, old.id);
    assert_eq!(service.log_in("ann@bücher.example").await.id, other.id);
}

#[tokio::test]
async fn addresses_that_pose_as_others_get_no_account_and_old_ones_keep_theirs() {
    let service = Service::start().await;
    let user = service.user("bob@x.io", None).await;
    for email in [
        "\u{430}nn@x.io",
        "ann@ex\u{430}mple.io",
        "a\u{202e}nn@x.io",
        "a\u{200d}nn@x.io",
        "ann@x.io\r\nBcc: b@x.io",
    ] {
        let body = json!({ "email": email, "password": PASSWORD });
        service.post("/auth/sign-up", &body).await.invalid(&["email"]);
        let answer = service.patch("/profile/update", &user.token, &json!({ "email": email })).await;
        answer.invalid(&["email"]);
    }
    let database = service.database().connect("accounts").await;
    let set = "UPDATE users SET email = $2 WHERE id = $1";
    database.execute(set, &[&user.id, &"\u{430}nn@x.io"]).await.unwrap();
    assert_eq!(service.log_in("\u{430}nn@x.io").await.id, user.id);
}
