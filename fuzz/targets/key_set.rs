#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| messenger_fuzzing::run("key_set", bytes));
