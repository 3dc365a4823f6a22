//! What the process takes of its machine, under the names that Prometheus' own libraries use.

/// Sets the gauges. Nothing where the system does not tell; the next look tries again.
#[cfg(target_os = "linux")]
pub(super) fn look() {
    use procfs::WithCurrentSystemInfo as _;
    use procfs::process::{LimitValue, Process};

    let Ok(process) = Process::myself() else { return };
    if let Ok(stat) = process.stat() {
        let ticks = procfs::ticks_per_second().max(1);
        metrics::counter!("process_cpu_seconds_total").absolute((stat.utime + stat.stime) / ticks);
        metrics::gauge!("process_resident_memory_bytes").set(stat.rss_bytes().get() as f64);
        metrics::gauge!("process_threads").set(stat.num_threads as f64);
        if let Ok(boot) = procfs::boot_time_secs() {
            let start = boot as f64 + stat.starttime as f64 / ticks as f64;
            metrics::gauge!("process_start_time_seconds").set(start);
        }
    }
    if let Ok(open) = process.fd_count() {
        metrics::gauge!("process_open_fds").set(open as f64);
    }
    if let Ok(limits) = process.limits()
        && let LimitValue::Value(most) = limits.max_open_files.soft_limit
    {
        metrics::gauge!("process_max_fds").set(most as f64);
    }
}

/// The services run on Linux.
#[cfg(not(target_os = "linux"))]
pub(super) fn look() {}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use crate::telemetry::recorder::builder;

    fn value(text: &str, name: &str) -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    #[test]
    fn the_process_is_measured() {
        let recorder = builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, super::look);
        let text = recorder.handle().render();
        assert!(value(&text, "process_resident_memory_bytes") > 1e6);
        assert!(value(&text, "process_open_fds") >= 3.0);
        assert!(value(&text, "process_max_fds") >= value(&text, "process_open_fds"));
        assert!(value(&text, "process_threads") >= 1.0);
        assert!(value(&text, "process_start_time_seconds") > 1.6e9);
        assert!(value(&text, "process_cpu_seconds_total") < 3_600.0);
    }
}
