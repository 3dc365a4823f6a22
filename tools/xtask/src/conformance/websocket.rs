//! The cases of the Autobahn suite; `websocket.py` drives them and says what counts as an echo.

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::conformance::{Stage, into_file};

const DRIVER: &str = include_str!("websocket.py");
/// Cases of the groups 1 to 7, 9 and 10: with fewer something was left out.
const CASES: usize = 301;

#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) cases: usize,
    pub(super) failed: Vec<Case>,
}

/// One case, as the driver tells of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Case {
    /// Number in the suite.
    pub(super) case: String,
    /// The suite's word for what was exchanged, and for how it was closed.
    behavior: String,
    close: String,
    /// The gateway's close code, if it came through.
    code: Option<u16>,
    pub(super) result: String,
    ms: u64,
}

impl Case {
    /// `NON-STRICT`: right, but later than it might have been.
    fn is_passed(&self) -> bool {
        ["OK", "NON-STRICT", "INFORMATIONAL"].contains(&&*self.behavior)
            && ["OK", "INFORMATIONAL"].contains(&&*self.close)
    }
}

pub(super) fn run(stage: &Stage<'_>) -> Result<Outcome> {
    let file = stage.folder.join("websocket.jsonl");
    let mut command = stage.command("python");
    command.args(["-c", DRIVER, &stage.rest, &stage.gateway]);
    let status = into_file(&mut command, &file, stage.interrupt)?;
    ensure!(status.success(), "the driver failed ({status})");
    let text = std::fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    let read = |line| serde_json::from_str(line).with_context(|| format!("a line of the driver: {line}"));
    let cases: Vec<Case> = text.lines().map(read).collect::<Result<_>>()?;
    ensure!(cases.len() == CASES, "{} cases were run instead of {CASES}", cases.len());
    let failed = cases.into_iter().filter(|case| !case.is_passed()).collect();
    Ok(Outcome { cases: CASES, failed })
}
