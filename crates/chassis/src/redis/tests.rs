//! Every address here is a server of the test's own that answers as Redis or a sentinel would.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

/// A server that gives every command the answer that `answer` has for it; its `host:port`.
#[expect(clippy::disallowed_methods, reason = "they end with the test's runtime")]
async fn server(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let (mut received, mut chunk) = (String::new(), [0; 1_024]);
                while let Ok(length @ 1..) = socket.read(&mut chunk).await {
                    received.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
                    while let Some((command, rest)) = first_command(&received) {
                        received = rest;
                        socket.write_all(answer(&command).as_bytes()).await.unwrap();
                    }
                }
            });
        }
    });
    address
}

/// The first whole command of what was received, its words joined, and what follows it.
fn first_command(received: &str) -> Option<(String, String)> {
    let (count, mut rest) = received.strip_prefix('*')?.split_once("\r\n")?;
    let mut words = Vec::new();
    for _ in 0..count.parse().unwrap() {
        let (length, after) = rest.strip_prefix('$')?.split_once("\r\n")?;
        let length: usize = length.parse().unwrap();
        words.push(after.get(..length)?);
        rest = after.get(length + 2..)?;
    }
    Some((words.join(" "), rest.to_owned()))
}

/// A Redis that is in this role.
async fn redis(role: &'static str) -> String {
    server(move |command| match command {
        "ROLE" => format!("*1\r\n${}\r\n{role}\r\n", role.len()),
        "HELLO 3" => "%0\r\n".to_owned(),
        _ => "+OK\r\n".to_owned(),
    })
    .await
}

/// A sentinel that knows where `main` is.
async fn sentinel(primary: &str) -> String {
    let (host, port) = primary.rsplit_once(':').unwrap();
    let known = format!("*2\r\n${}\r\n{host}\r\n${}\r\n{port}\r\n", host.len(), port.len());
    server(move |command| match command {
        "SENTINEL GET-MASTER-ADDR-BY-NAME main" => known.clone(),
        "SENTINEL GET-MASTER-ADDR-BY-NAME other" => "*-1\r\n".to_owned(),
        _ => "+OK\r\n".to_owned(),
    })
    .await
}

/// Where nobody listens.
async fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
}

async fn connect(url: &str, limit: Duration) -> RedisResult<MultiplexedConnection> {
    Servers::parse(url).unwrap().connect(AsyncConnectionConfig::new(), limit).await
}

#[test]
fn urls_name_one_server_several_nodes_or_sentinels() {
    for (url, count) in [
        ("redis://localhost", 1),
        ("redis://:p,w@h:1/", 1),
        ("redis+unix:///run/redis.sock", 1),
        ("redis://:se@cret@h1:1,h2:2,[::1]:3/", 3),
        ("redis+cluster://h1:1", 1),
        ("rediss+cluster://ann:secret@h1:1,h2:2", 2),
        ("redis+sentinel://h1:1/main", 1),
        ("redis+sentinel://:se@cret@h1:1,h2:2/my-1.main_2", 2),
        ("redis://ann:secret@h1:1,h2:2", 2),
        ("rediss://ann:secret@h1:1", 1),
        ("rediss+sentinel://ann:secret@h1:1,h2:2/main", 2),
    ] {
        assert_eq!(Servers::parse(url).unwrap_or_else(|_| panic!("{url}")).count(), count, "{url}");
    }
}

#[test]
fn a_bad_url_is_refused_and_not_repeated() {
    for url in [
        "",
        "h:1",
        "http://:hunter2@h:1",
        "rediss://:hunter2@h:1#insecure",
        "redis://:hunter2@[",
        "redis://:hunter2@h1:1,,h2:2",
        "redis://:hunter2@h1:1,h2:port",
        "redis+cluster://:hunter2@h1:1,h2",
        "redis+sentinel://:hunter2@h1:1",
        "redis+sentinel://:hunter2@h1:1/",
        "redis+sentinel://:hunter2@h1:1/main/0",
        "redis+sentinel://:hunter2@h1/main",
        "redis+sentinel://:hunter2@/main",
    ] {
        let error = Servers::parse(url).map(|_| ()).expect_err(url);
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

#[test]
fn in_production_a_server_of_another_machine_needs_a_password_that_is_one() {
    let problems = |url: &'static str| {
        let lookup = move |key: &str| (key == "URL").then(|| url.to_owned());
        let mut env = Env::new(&lookup);
        let keys = RedisKeys { url: "URL", ca: "CA", required: true, about: "Redis" };
        assert!(read_url(&mut env, &keys).is_some());
        env.finish().err().map(|error| error.to_string()).unwrap_or_default()
    };
    for url in [
        "redis://h:1",
        "redis://127.0.0.1:1,h:1",
        "redis://:redis@h:1",
        "redis://ann:ann@h:1",
        "redis://ann:ann@127.0.0.1:1",
        "rediss://h:1",
        "redis+sentinel://h:1/main",
    ] {
        assert!(problems(url).starts_with("URL: its user has"), "{url}: {}", problems(url));
    }
    for url in
        ["redis://127.0.0.1:1", "redis://[::1]:1", "redis://localhost", "rediss://ann:blue-lantern-42@h:1"]
    {
        assert_eq!(problems(url), "", "{url}");
    }
}

#[test]
fn servers_do_not_print_their_password() {
    for url in ["redis://:hunter2@h1:1,h2:2", "redis+sentinel://:hunter2@h1:1/main"] {
        assert!(!format!("{:?}", Servers::parse(url).unwrap()).contains("hunter2"));
    }
}

#[tokio::test]
async fn nodes_are_tried_in_turn() {
    let url = format!("redis://{},{}", redis("master").await, nobody().await);
    let servers = Servers::parse(&url).unwrap();
    let mut reached = Vec::new();
    for _ in 0..4 {
        reached.push(servers.connect(AsyncConnectionConfig::new(), LIMIT).await.is_ok());
    }
    assert!(reached == [true, false, true, false] || reached == [false, true, false, true], "{reached:?}");
    for _ in 0..4 {
        servers.connect_any(LIMIT).await.unwrap();
    }
}

#[tokio::test]
async fn a_cluster_tells_who_has_which_slot_and_its_nodes_are_reached_with_the_login_of_the_url() {
    let node = redis("master").await;
    let (host, port) = node.rsplit_once(':').unwrap();
    let primary = format!("*2\r\n${}\r\n{host}\r\n:{port}\r\n", host.len());
    let slots = format!("*1\r\n*3\r\n:0\r\n:16383\r\n{primary}");
    let seed = server(move |command| match command {
        "CLUSTER SLOTS" => slots.clone(),
        _ => "+OK\r\n".to_owned(),
    });
    let servers = Servers::parse(&format!("redis+cluster://{}", seed.await)).unwrap();
    assert!(servers.is_sharded());
    let slots = servers.slots(LIMIT).await.unwrap();
    let known = Node { host: host.to_owned(), port: port.parse().unwrap() };
    assert_eq!(slots, [(0..=SLOTS - 1, known.clone())]);
    servers.connect_to(&known, AsyncConnectionConfig::new(), LIMIT).await.unwrap();

    let alone = format!("redis+cluster://{}", redis("master").await);
    Servers::parse(&alone).unwrap().slots(LIMIT).await.unwrap_err();
}

#[tokio::test]
async fn the_sentinels_primary_is_taken() {
    let sentinel = sentinel(&redis("master").await).await;
    connect(&format!("redis+sentinel://{sentinel}/main"), LIMIT).await.unwrap();
    let error = connect(&format!("redis+sentinel://{sentinel}/other"), LIMIT).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MasterNameNotFoundBySentinel);
}

#[tokio::test]
async fn a_sentinel_that_is_away_is_passed_over() {
    let known = sentinel(&redis("master").await).await;
    let url = format!("redis+sentinel://{},{known}/main", nobody().await);
    let servers = Servers::parse(&url).unwrap();
    for _ in 0..4 {
        servers.connect_any(LIMIT).await.unwrap();
    }
}

#[tokio::test]
async fn a_primary_that_is_none_any_more_is_not_taken() {
    let sentinel = sentinel(&redis("slave").await).await;
    let error = connect(&format!("redis+sentinel://{sentinel}/main"), LIMIT).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MasterNameNotFoundBySentinel);
}

#[tokio::test]
async fn a_sentinel_that_wants_no_password_is_not_shown_one() {
    let primary = redis("master").await;
    let (host, port) = primary.rsplit_once(':').unwrap();
    let known = format!("*2\r\n${}\r\n{host}\r\n${}\r\n{port}\r\n", host.len(), port.len());
    let open = server(move |command| {
        assert!(!command.contains("hunter2"), "{command}");
        if command.starts_with("SENTINEL") { known.clone() } else { "+OK\r\n".to_owned() }
    })
    .await;
    connect(&format!("redis+sentinel://:hunter2@{open}/main"), LIMIT).await.unwrap();
}

#[tokio::test]
async fn silent_servers_are_given_up() {
    let silent = || server(|_| String::new());
    let short = Duration::from_millis(50);
    let (node, asked) = (silent().await, silent().await);
    let behind = sentinel(&silent().await).await;
    for url in [
        format!("redis://{node}"),
        format!("redis+sentinel://{asked}/main"),
        format!("redis+sentinel://{behind}/main"),
    ] {
        let error = timeout(LIMIT, connect(&url, short)).await.unwrap().unwrap_err();
        assert!(error.is_timeout(), "{url}: {error}");
    }
}
