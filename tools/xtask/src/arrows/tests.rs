use super::*;

fn breaches(path: &str, text: &str) -> Vec<String> {
    inspect(path, text).iter().map(|breach| format!("{}: {}", breach.line, breach.what)).collect()
}

#[test]
fn this_tree_keeps_its_own_laws() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if let Err(error) = check(&root) {
        panic!("{error}");
    }
}

#[test]
fn library_is_refused_outside_its_rooms() {
    let text = "use axum::Router;\nfn f() { let _ = redis::cmd(\"GET\"); }\nuse argon2;\n";
    assert_eq!(
        breaches("services/accounts/src/domain/user.rs", text),
        ["1: `axum`", "2: `redis`", "3: `argon2`"]
    );
    assert_eq!(breaches("services/accounts/src/http/users.rs", "use axum::Router;"), [""; 0]);
    assert_eq!(breaches("services/gateway/benches/micro/auth.rs", "use jsonwebtoken::encode;"), [""; 0]);
}

#[test]
fn names_in_comments_strings_and_longer_paths_are_no_uses() {
    let text = concat!(
        "//! axum::Router\n/* redis::Client /* nested */ axum::x */\n",
        "const A: &str = \"axum::Router \\\" redis::cmd\"; const B: &str = r#\"redis::x \"quoted\" \"#;\n",
        "fn f(c: char) -> bool { c == '\"' || my::redis::x() || not_axum::x() || c == '\\'' }\n",
        "#[cfg(test)]\nmod tests {\n    use axum::Router;\n}\n",
    );
    assert_eq!(breaches("services/accounts/src/domain/user.rs", text), [""; 0]);
}

#[test]
fn module_arrows_follow_the_table_however_they_are_written() {
    for (path, text, expected) in [
        ("services/accounts/src/http/users.rs", "use crate::store::Store;", Some("http → store")),
        (
            "services/accounts/src/http/users.rs",
            "use crate::{domain::Id, store::{a, b}};",
            Some("http → store"),
        ),
        ("services/accounts/src/http/users.rs", "fn f() { super::super::store::x() }", Some("http → store")),
        ("services/accounts/src/http/mod.rs", "use super::app::App;", Some("http → app")),
        ("services/accounts/src/http.rs", "use super::grpc;", Some("http → grpc")),
        ("services/accounts/src/http/users.rs", "use super::grpc;", None),
        (
            "services/accounts/src/http/users.rs",
            "use crate::{usecase, domain::Id}; use crate::http::dto;",
            None,
        ),
        ("services/accounts/src/store/mod.rs", "use crate::usecase::Accounts;", Some("store → usecase")),
        ("services/accounts/src/lib.rs", "pub mod store; use crate::store::Store;", None),
        ("services/gateway/src/hub/mod.rs", "use crate::fanout::Ring;", Some("hub → fanout")),
        ("services/gateway/src/fanout/redis.rs", "use crate::hub::Hub;", Some("fanout → hub")),
        ("services/gateway/src/attic/mod.rs", "", Some("module `attic`")),
    ] {
        let found = inspect(path, text).into_iter().map(|breach| breach.what).next();
        assert_eq!(found.as_deref(), expected, "{path}: {text}");
    }
}

#[test]
fn sql_lives_in_the_store_and_is_never_put_together() {
    let plain = "const Q: &str = \"SELECT 1\";";
    assert_eq!(breaches("services/gateway/src/usecase/send.rs", plain), ["1: \"SELECT 1…\""]);
    assert_eq!(breaches("services/gateway/src/store/send.rs", plain), [""; 0]);
    let built = "fn f(n: u32) {\n    format!(\n        \"SELECT {n}\"\n    );\n}";
    assert_eq!(breaches("services/gateway/src/store/send.rs", built), ["3: format!(\"SELECT {n}…\")"]);
    assert_eq!(breaches("services/gateway/src/usecase/a.rs", "const T: &str = \"selected\";"), [""; 0]);
}

#[test]
fn chassis_knows_no_domain_word() {
    let text = "fn spawn(userCount: u32) {}\nstruct ChatMessages;\nfn messenger() {} // about users";
    assert_eq!(breaches("crates/chassis/src/clock.rs", text), ["1: user", "2: chat", "2: message"]);
}

#[test]
fn environment_length_and_drawers() {
    let path = "services/accounts/src/config.rs";
    assert_eq!(breaches(path, "fn f() { std::env::var(\"A\"); }"), ["1: `std::env`"]);
    assert_eq!(breaches(path, "use std::env;\n"), ["1: `std::env`"]);
    assert_eq!(breaches("services/accounts/src/main.rs", "use std::env;"), [""; 0]);
    assert_eq!(breaches("tests/e2e/src/utils.rs", ""), ["1: `utils`"]);
    assert_eq!(breaches("tests/e2e/src/long.rs", &"\n".repeat(401)), ["400: 401 lines"]);
    assert_eq!(breaches("tests/e2e/src/long.rs", &"\n".repeat(400)), [""; 0]);
}

#[test]
fn breach_reads_as_file_line_what_why() {
    let found = inspect("services/gateway/src/hub/mod.rs", "\nuse crate::fanout::Ring;");
    let text = found[0].to_string();
    assert_eq!(text, "services/gateway/src/hub/mod.rs:2: hub → fanout: hub may use dialect, domain");
}
