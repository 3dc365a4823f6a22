use super::*;

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("messenger-home-{name}-{}", std::process::id()))
}

#[test]
fn place_belongs_to_one_run_at_a_time() {
    let home = Home::open(&scratch("claim")).expect("home");
    let first = home.claim("up").expect("first claim");
    let error = home.claim("up").expect_err("second claim").to_string();
    assert!(error.contains(&format!("in use by process {}", std::process::id())), "{error}");
    drop(first);
    home.claim("up").expect("claim after release");
    home.clear().expect("clear");
}

#[test]
fn slots_are_handed_out_one_by_one() {
    let home = Home::open(&scratch("slots")).expect("home");
    let first = home.claim_any("test").expect("first");
    let second = home.claim_any("test").expect("second");
    assert_ne!(first.dir(), second.dir());
    let freed = first.dir().to_owned();
    drop(first);
    assert_eq!(home.claim_any("test").expect("third").dir(), freed);
    drop(second);
    home.clear().expect("clear");
}

#[test]
fn clear_refuses_while_in_use_and_leaves_nothing() {
    let path = scratch("clear");
    let place = Home::open(&path).and_then(|home| home.claim("up")).expect("place");
    let error = Home::open(&path).and_then(Home::clear).expect_err("in use").to_string();
    assert!(error.contains("in use"), "{error}");
    let root = place.root().to_owned();
    drop(place);
    Home::open(&path).and_then(Home::clear).expect("clear");
    assert!(!root.exists());
    assert!(!path.is_symlink() && !path.exists());
}

#[test]
fn a_place_is_emptied_and_kept() {
    let home = Home::open(&scratch("empty")).expect("home");
    let (place, other) = (home.claim("bench").expect("place"), home.claim("up").expect("another"));
    for place in [&place, &other] {
        place.make_dir(&place.dir().join("postgres/data")).expect("data");
    }
    place.clear().expect("clear");
    assert_eq!(std::fs::read_dir(place.dir()).expect("still there").count(), 0);
    assert!(other.dir().join("postgres/data").exists());
    drop((place, other));
    home.clear().expect("clear");
}

#[test]
fn one_folder_has_one_lock_however_it_is_spelled() {
    let path = scratch("spelled");
    let home = Home::open(&path).expect("home");
    let detour = std::env::temp_dir().join("messenger-detour");
    std::fs::create_dir_all(&detour).expect("detour");
    let spelled = detour.join("..").join(path.file_name().expect("name"));
    let held = home.claim("up").expect("claim");
    Home::open(&spelled).and_then(|same| same.claim("up")).expect_err("the same place");
    drop(held);
    home.clear().expect("clear");
}
