use std::net::TcpListener;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn shell(script: &str) -> Part {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Part::start("shell", command, Console::detect()).expect("start")
}

#[test]
fn crash_is_reported_with_status_and_last_lines() {
    let mut part = shell("for i in $(seq 100); do echo line $i; done >&2; echo why >&2; exit 7");
    part.process.wait(PATIENCE).expect("wait");
    let error = part.check().expect_err("it ended").to_string();
    assert!(error.contains("shell ended by itself (exit status: 7)"), "{error}");
    assert!(error.contains("line 100") && error.contains("why") && !error.contains("line 80"), "{error}");
}

#[test]
fn work_that_succeeds_is_awaited_and_a_failure_is_an_error() {
    let interrupt = Interrupt::listen().expect("signals");
    shell("exit 0").finish(PATIENCE, &interrupt).expect("success");
    shell("exit 1").finish(PATIENCE, &interrupt).expect_err("failure");
}

#[test]
fn part_that_ignores_the_request_to_end_is_killed() {
    let mut part = shell("trap '' TERM; echo on; while :; do sleep 1; done");
    let deadline = Instant::now() + PATIENCE;
    while part.recent.lock().expect("lines").is_empty() {
        assert!(Instant::now() < deadline, "the trap is never set");
        std::thread::sleep(LOOK);
    }
    part.check().expect("it runs");
    part.stop(Duration::from_millis(200)).expect("stop");
    part.check().expect_err("it ended");
}

#[test]
fn readiness_is_status_200_and_nothing_else() {
    for (status, ready) in [("200 OK", true), ("503 Service Unavailable", false)] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
        let port = listener.local_addr().expect("address").port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("accept");
            let mut request = String::new();
            BufReader::new(&stream).read_line(&mut request).expect("request");
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").expect("answer");
            request
        });
        assert_eq!(answers_ok(port, "/readyz"), ready, "{status}");
        assert_eq!(server.join().expect("request"), "GET /readyz HTTP/1.1\r\n");
    }
}
