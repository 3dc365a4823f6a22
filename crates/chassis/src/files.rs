//! How many files, sockets among them, the process may have open. Supervisors and container engines start programs with
//! the small soft limit that very old ones need, and leave the real one to be asked for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one. Where the system refuses, the old one stays, and the log has it.
pub fn raise_limit() {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, maximum: before.maximum };
    let raised = setrlimit(Resource::Nofile, wanted);
    let limit = getrlimit(Resource::Nofile).current;
    match raised {
        Ok(()) => tracing::info!(limit, "open files"),
        Err(error) => tracing::warn!(limit, %error, "the limit of open files could not be raised"),
    }
}
