//! A container without an engine: a declared command with its environment as the declared user, without capabilities or a
//! way to get any, over a root that cannot be written but in the declared volumes (`container.sh`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use messenger_backing::{Process, find_program};
use nix::sys::signal::Signal;

use crate::machine::{self, Folder};
use crate::programs;

/// User and group in the image.
pub(crate) const USER: u32 = 65_532;
/// How long a step may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);
/// File systems of the kernel; an engine mounts its own.
const KERNELS: [&str; 2] = ["/proc", "/dev"];
/// What is on the `PATH` of the image.
const PATH: (&str, &str) = ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/container.sh");

/// What a deployment declares of a container.
#[derive(Clone)]
pub(crate) struct Container {
    pub(crate) command: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) volumes: Vec<Volume>,
}

#[derive(Clone)]
pub(crate) struct Volume {
    pub(crate) outside: PathBuf,
    pub(crate) inside: String,
    pub(crate) writable: bool,
}

/// A running container. Dropping it kills it.
pub(crate) struct Running {
    name: String,
    process: Process,
    folder: Folder,
    writable: Vec<String>,
}

/// Whether containers can be made here.
pub(crate) fn can_be_made() -> bool {
    let tools = ["unshare", "setpriv"].iter().all(|tool| find_program(tool).is_some());
    let may = || {
        let mut probe = Command::new("unshare");
        probe.args(["--mount", "--propagation", "private", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
        probe.output().is_ok_and(|output| output.status.success())
    };
    let can = tools && may();
    if !can {
        machine::missing(
            "root with the right to mount (CAP_SYS_ADMIN), `unshare` and `setpriv` of util-linux, to run the declared \
             commands as containers",
        );
    }
    can
}

impl Container {
    pub(crate) fn start(&self) -> Running {
        let folder = Folder::new("container");
        let root = folder.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-eu", SCRIPT]);
        command.arg(&root).arg(programs::folder()).arg(USER.to_string());
        for Volume { outside, inside, writable } in &self.volumes {
            command.arg(outside).args([inside.as_str(), if *writable { "rw" } else { "ro" }]);
        }
        command.arg("--").args(&self.command).env_clear().env(PATH.0, PATH.1).envs(&self.environment);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let name = self.command.join(" ");
        let process = Process::spawn(&name, &mut command, Signal::SIGKILL).unwrap();
        let writable = self.volumes.iter().filter(|volume| volume.writable);
        let writable = writable.map(|volume| volume.inside.clone()).collect();
        Running { name, process, folder, writable }
    }

    /// Another command in the same surroundings, such as a health check.
    pub(crate) fn with_command(&self, command: &[&str]) -> Self {
        Self { command: command.iter().map(|word| (*word).to_owned()).collect(), ..self.clone() }
    }

    /// Runs it to its end, which must be a good one.
    pub(crate) fn finish(&self) {
        let mut running = self.start();
        let status = running.end();
        assert!(status.success(), "{}: {status}\n{}", running.name, running.log());
    }
}

impl Running {
    /// Looks until something holds.
    pub(crate) fn wait_until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            let status = self.process.exited().unwrap();
            assert!(status.is_none(), "{} ended ({status:?}) and is not {what}:\n{}", self.name, self.log());
            assert!(Instant::now() < deadline, "{} is not {what}:\n{}", self.name, self.log());
            std::thread::sleep(LOOK);
        }
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let status = self.process.wait(PATIENCE).unwrap();
        status.unwrap_or_else(|| panic!("{} still runs:\n{}", self.name, self.log()))
    }

    /// Asks it to stop, which it must do in order.
    pub(crate) fn stop(mut self) {
        self.process.signal(Signal::SIGTERM).unwrap();
        let status = self.end();
        assert_eq!(status.code(), Some(0), "{}: {status}\n{}", self.name, self.log());
    }

    /// That it is what it is meant to be: nobody in particular, without rights, in a place that it cannot change.
    pub(crate) fn check_confinement(&self) {
        let status = self.of_kernel("status");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
            line.unwrap_or_else(|| panic!("no {name}")).split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let user = vec![USER.to_string(); 4].join(" ");
        assert_eq!((field("Uid"), field("Gid"), field("Groups")), (user.clone(), user, String::new()));
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(field(set), "0000000000000000", "{}: {set}", self.name);
        }
        assert_eq!(field("NoNewPrivs"), "1");
        let mounts = self.of_kernel("mountinfo");
        let mounts = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .map(|line| (line[4].to_owned(), line[5].to_owned()));
        let writable = mounts.filter(|(at, options)| {
            let kernels = KERNELS.iter().any(|folder| at == folder || at.starts_with(&format!("{folder}/")));
            !kernels && !options.split(',').any(|option| option == "ro")
        });
        let writable: Vec<_> = writable.map(|(at, _)| at).collect();
        assert_eq!(writable, self.writable, "{}", self.name);
        let limits = self.of_kernel("limits");
        let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let files: Vec<_> = files.split_whitespace().skip(3).take(2).collect();
        assert_eq!(files[0], files[1], "as many sockets as the system allows");
    }

    fn of_kernel(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.process.pid())).unwrap()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}
