use super::*;

const STAT: &str = "4242 (a (b) c) S 17 4242 4242 0 -1 4194560 9 8 7 6 150 50 30 20 20 0 9 0 81 1 2 3";
const STATUS: &str = "Name:\tpostgres\nVmRSS:\t   30000 kB\nRssAnon:\t    1000 kB\nRssFile:\t    9000 kB\n\
    RssShmem:\t   20000 kB\nThreads:\t1\n";

fn process(parent: u32, ticks: u64) -> Stat {
    Stat { parent, ticks }
}

#[test]
fn a_strange_name_does_not_shift_the_numbers() {
    assert_eq!(parse_stat(STAT), Some(process(17, 250)));
    assert_eq!(parse_stat("4242 (cut"), None);
    assert_eq!(parse_stat("4242 (cut) S 17 4242"), None);
}

#[test]
fn memory_is_read_by_kind() {
    assert_eq!(parse_status(STATUS), Resident { own: 1000, file: 9000, shared: 20_000 });
    assert_eq!(parse_status("Name:\tkthreadd\n"), Resident::default());
}

#[test]
fn shared_memory_counts_once() {
    let one = Resident { own: 10, file: 5, shared: 100 };
    let other = Resident { own: 20, file: 7, shared: 60 };
    assert_eq!(resident_bytes([one, other].into_iter()), (30 + 7 + 100) * 1024);
}

#[test]
fn descendants_count_even_when_they_end() {
    let watched = Watched { name: "server".to_owned(), pid: 10 };
    let before = Processes::from([
        (1, process(0, 999)),
        (10, process(1, 100)),
        (11, process(10, 30)),
        (12, process(11, 20)),
        (20, process(1, 500)),
    ]);
    // 12 has ended: its time is its parent's now. 13 is new.
    let after = Processes::from([
        (1, process(0, 1999)),
        (10, process(1, 150)),
        (11, process(10, 90)),
        (13, process(10, 5)),
        (20, process(1, 900)),
    ]);
    assert_eq!(tree(10, &before), [10, 11, 12]);
    let usage = usage(&watched, &before, &after).expect("usage");
    assert!((usage.cpu_seconds - 0.95).abs() < 1e-9, "{usage:?}");
    let gone = Watched { name: "gone".to_owned(), pid: 99 };
    assert_eq!(super::usage(&gone, &before, &after), None);
}

#[test]
fn a_process_is_named_on_the_command_line() {
    assert_eq!("gateway-1=77".parse(), Ok(Watched { name: "gateway-1".to_owned(), pid: 77 }));
    assert!("gateway".parse::<Watched>().is_err());
    assert!("gateway=-1".parse::<Watched>().is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn this_process_is_seen() {
    let us = std::process::id();
    let before = processes();
    let after = processes();
    let watched = Watched { name: "us".to_owned(), pid: us };
    let usage = usage(&watched, &before, &after).expect("our own usage");
    assert!(usage.resident_bytes > 100 * 1024, "{usage:?}");
}
