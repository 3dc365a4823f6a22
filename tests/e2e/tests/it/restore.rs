//! The log is restored to an earlier moment, as the operations manual says: from a dump into a new server, and from a base
//! backup and the archived log to a point in time. Devices that had gone further come back and hold what there is now.
//!
//! Needs `pg_dump`, `pg_restore`, `psql` and `pg_basebackup` beside the server that the tests run.

mod archive;

use std::path::PathBuf;

use messenger_backing::{Durability, Postgres};
use messenger_client::socket::{ConnectError, Handshake, Options, RawConnection};
use messenger_client::wire::v2::{AddMembers, CreateGroup, To};
use messenger_support::{Cluster, ClusterOptions, private_place, private_postgres, private_redis};
use secrecy::ExposeSecret as _;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

use crate::people::{LOOK, People, Person, SOON};
use archive::{Archive, converge};

/// The one of the operations manual: ids of users are not given a second time.
const LEAVE_OUT: &str =
    "SELECT setval(s, nextval(s) + 100000000) FROM pg_get_serial_sequence('accounts.users', 'id') s";
/// Transactions of the server that is dumped, more than a new one has had.
const LIVED: &str =
    "DO $$ BEGIN FOR i IN 1..3000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$";
/// Labels that the server's transactions have not reached.
const FOREIGN: &str = "SELECT count(*) FROM entries WHERE xid >= pg_snapshot_xmax(pg_current_snapshot())";
const MEMBERS: usize = 4;

/// People with a device each, on two gateways in turns, in one group.
struct Circle {
    cluster: Cluster,
    persons: Vec<Person>,
    archives: Vec<Archive>,
    group: To,
}

impl Circle {
    async fn form(settings: &[(&str, &str)]) -> Self {
        let postgres = block_in_place(|| private_postgres(Durability::Durable, settings));
        let redis = block_in_place(private_redis);
        let options = ClusterOptions {
            gateways: 2,
            settings: &[("GATEWAY_DRAIN_MS", "200")],
            postgres: Some(postgres),
            redis: Some(redis),
            ..Default::default()
        };
        let cluster = Cluster::start(options).await;
        let people = People::of(&cluster);
        let (mut persons, mut archives) = (Vec::new(), Vec::new());
        for number in 0..MEMBERS {
            persons.push(people.join(&format!("Member{number}")).await);
            archives.push(Archive::start(&persons[number], &cluster, number % 2).await);
        }
        let create = CreateGroup { name: "Circle", client_group_id: None };
        let conversation_id = archives[0].device.request(&create).await.unwrap().conversation_id;
        let user_ids: Vec<_> = persons[1..].iter().map(|person| person.id).collect();
        let add = AddMembers { conversation_id, user_ids: &user_ids };
        archives[0].device.request(&add).await.unwrap();
        Self { cluster, persons, archives, group: To::Conversation(conversation_id) }
    }

    /// Everybody writes to everybody, and to his neighbour.
    fn chat(&self, each: usize) {
        for (number, archive) in self.archives.iter().enumerate() {
            archive.say(self.group, each);
            archive.say(To::User(self.persons[(number + 1) % MEMBERS].id), each);
        }
    }

    async fn converge(&mut self) {
        let log = self.cluster.messages().await;
        converge(&mut self.archives, &log).await;
    }

    async fn count(&self, sql: &str) -> i64 {
        self.cluster.messages().await.query_one(sql, &[]).await.unwrap().get(0)
    }

    async fn messages(&self) -> i64 {
        self.count("SELECT count(*) FROM entries WHERE kind = 0").await
    }

    async fn newest_conversation(&self) -> i64 {
        self.count("SELECT max(id) FROM conversations").await
    }

    /// What the manual says of log-ins, between the restoration and the start of the services.
    async fn end_log_ins(&mut self) {
        let accounts = self.cluster.accounts();
        accounts.run(&["sessions", "end", "all"]).await.unwrap();
        accounts.run(&["keys", "replace"]).await.unwrap();
        let server = self.cluster.postgres();
        block_in_place(|| server.program("psql", &["--dbname", Cluster::DATABASE, "--command", LEAVE_OUT]))
            .unwrap();
    }
}

/// The rest of what the manual says.
async fn migrate(cluster: &Cluster) {
    cluster.accounts().run(&["migrate"]).await.unwrap();
    cluster.gateway(0).run(&["migrate"]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_from_under_load_is_what_everybody_holds_in_a_new_server() {
    let mut circle = Circle::form(&[]).await;
    circle.cluster.messages().await.batch_execute(LIVED).await.unwrap();
    circle.chat(5);
    circle.converge().await;
    let before = circle.messages().await;
    circle.chat(100);
    under_way(&circle, before).await;
    let file = dump(&mut circle.cluster);
    circle.archives[0].say(To::User(circle.persons[2].id), 3); // A dialog that begins too late.
    circle.chat(5);
    circle.converge().await;
    let (all, newest) = (circle.messages().await, circle.newest_conversation().await);
    let token = circle.persons[0].token.clone();

    circle.cluster.stop().await;
    circle.chat(2); // Said while nobody listens.
    let mut fresh = block_in_place(|| private_postgres(Durability::Disposable, &[]));
    circle.cluster.prepare(&fresh).await;
    let restore = ["--exit-on-error", "--no-owner", "--no-privileges", "--dbname", Cluster::DATABASE, &file];
    block_in_place(|| fresh.server().unwrap().program("pg_restore", &restore)).unwrap();
    drop(circle.cluster.move_to(fresh));
    migrate(&circle.cluster).await;
    let kept = circle.messages().await;
    assert!(before <= kept && kept < all - 2 * 5 * 4, "{before} before, {kept} in the dump, {all} at last");
    assert!(circle.count(FOREIGN).await > 0, "the new server is younger");
    circle.cluster.gateway(0).run(&["epoch", "advance"]).await.unwrap();
    assert_eq!(circle.count(FOREIGN).await, 0);
    circle.end_log_ins().await;
    circle.cluster.start_all().await;

    circle.converge().await;
    assert!(circle.archives.iter().all(|archive| archive.restored == 1));
    assert_eq!(circle.messages().await, kept + 2 * 2 * 4, "what waited was stored, what was lost is gone");
    let handshake = Handshake::new(circle.cluster.url(0)).bearer(token.expose_secret()).unwrap();
    let refused = RawConnection::open(&handshake, &Options::default()).await;
    assert!(matches!(refused, Err(ConnectError::Refused { status: 401, .. })), "a log-in from before");

    circle.chat(5);
    circle.archives[0].say(To::User(circle.persons[2].id), 1);
    circle.converge().await;
    assert!(circle.newest_conversation().await > newest + 50_000_000, "no id of a lost one");
    block_in_place(|| circle.cluster.redis().stop()).unwrap();
    circle.chat(5);
    circle.converge().await;
    assert!(circle.archives.iter().all(|archive| archive.restored == 1), "once");
}

/// Waits until some of what was said is stored, and not all.
async fn under_way(circle: &Circle, before: i64) {
    let deadline = Instant::now() + SOON;
    while circle.messages().await < before + 50 {
        assert!(Instant::now() < deadline, "no load");
        sleep(LOOK).await;
    }
    assert!(circle.archives.iter().any(|archive| archive.device.unsent() > 0), "the load is over");
}

/// A dump of the database; its file.
fn dump(cluster: &mut Cluster) -> String {
    block_in_place(|| {
        let server = cluster.postgres();
        let file = server.folder("dump").unwrap().join("messenger.dump").display().to_string();
        server.program("pg_dump", &["--format=custom", "--file", &file, Cluster::DATABASE]).unwrap();
        file
    })
}

/// And what happens to who forgets the epoch; then it is advanced while gateways serve.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_point_in_time_is_what_everybody_holds_once_the_epoch_is_advanced() {
    let mut circle = Circle::form(&[("archive_mode", "on")]).await;
    let archive = archive_log(&mut circle.cluster).await;
    circle.chat(5);
    circle.converge().await;
    let copy = private_place();
    block_in_place(|| circle.cluster.postgres().base_backup(&copy)).unwrap();
    circle.chat(5);
    circle.converge().await;
    let log = circle.cluster.messages().await;
    let point: String = log.query_one("SELECT clock_timestamp()::text", &[]).await.unwrap().get(0);
    let kept = circle.messages().await;
    circle.archives.iter().for_each(|archive| archive.say(circle.group, 3));
    circle.converge().await;
    let (asleep, writer) = (circle.archives.swap_remove(3), circle.archives.swap_remove(0));
    let (asleep, _) = (asleep.away().await, writer.away().await);
    for archive in circle.archives.drain(..) {
        archive.away().await;
    }
    archived(&log, &archive).await;
    drop(log);

    circle.cluster.stop().await;
    let settings = format!(
        "restore_command = 'cp {archive}/%f %p'\nrecovery_target_time = '{point}'\nrecovery_target_action = 'promote'"
    );
    let recovered = block_in_place(|| circle.cluster.postgres().recover(&copy, &settings)).unwrap();
    drop(circle.cluster.move_to(Postgres::from(recovered)));
    assert_eq!(circle.messages().await, kept, "exactly what there was at that time");
    circle.cluster.start_all().await;

    // The writer is a new device. Where the lost messages of the sleeper's were, there are others now.
    circle.archives.push(Archive::start(&circle.persons[0], &circle.cluster, 0).await);
    circle.archives[0].say(circle.group, 3 * MEMBERS + 1);
    acknowledged(&mut circle).await;
    circle.archives.push(Archive::resume(&circle.persons[3], &circle.cluster, 1, asleep).await);
    circle.archives[0].say(circle.group, 1);
    acknowledged(&mut circle).await;
    let log = circle.cluster.messages().await;
    let expected = circle.archives[1].expected(&log).await;
    timeout(SOON, circle.archives[1].reaches(expected.len())).await.unwrap();
    let held = &circle.archives[1].view;
    assert!(
        held.keys().eq(expected.keys()) && *held != expected,
        "places are given twice, and it cannot see it"
    );

    circle.cluster.gateway(0).run(&["epoch", "advance"]).await.unwrap();
    for gateway in 0..2 {
        assert!(circle.cluster.gives_up(gateway).await, "whoever serves on ends by itself");
    }
    circle.cluster.restart(0).await;
    circle.cluster.restart(1).await;
    circle.converge().await;
    assert!(circle.archives.iter().all(|archive| archive.restored == 1));
    circle.chat(5);
    circle.converge().await;
}

/// Lets the server copy its log away; where to.
async fn archive_log(cluster: &mut Cluster) -> String {
    let folder = block_in_place(|| cluster.postgres().folder("archive")).unwrap().display().to_string();
    let command = format!("ALTER SYSTEM SET archive_command = 'test ! -f {folder}/%f && cp %p {folder}/%f'");
    let log = cluster.messages().await;
    log.batch_execute(&command).await.unwrap();
    log.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    folder
}

/// Waits until all of the log is copied.
async fn archived(log: &Client, folder: &str) {
    let segment = "SELECT pg_walfile_name(pg_switch_wal())";
    let last: String = log.query_one(segment, &[]).await.unwrap().get(0);
    let deadline = Instant::now() + SOON;
    while !PathBuf::from(folder).join(&last).exists() {
        assert!(Instant::now() < deadline, "{last} is not archived");
        sleep(LOOK).await;
    }
}

async fn acknowledged(circle: &mut Circle) {
    let deadline = Instant::now() + SOON;
    while circle.archives[0].device.unsent() > 0 {
        assert!(Instant::now() < deadline, "not acknowledged");
        sleep(LOOK).await;
    }
}
