//! schemathesis: requests made from accounts' OpenAPI document, good and bad ones, each answer held against the document.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::conformance::{Options, Stage, into_file};

const HOOKS: &str = include_str!("accounts_hooks.py");
/// What differs from the suite's own settings.
const SETTINGS: &str = include_str!("schemathesis.toml");
/// Our own rules for texts, such as passwords that are too common, are more than a JSON schema can say: what fits the
/// schema may be refused.
const NOT_CHECKED: &str = "positive_data_acceptance";

#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) operations: u64,
    pub(super) requests: u64,
    pub(super) seed: u64,
    pub(super) failures: Vec<String>,
}

/// The report of schemathesis, as far as it is needed.
#[derive(Debug, Deserialize)]
struct Report {
    complete: bool,
    seed: u64,
    operations: Operations,
    test_cases: TestCases,
    failures: Vec<serde_json::Value>,
    errors: Vec<serde_json::Value>,
    phases: BTreeMap<String, Phase>,
}

#[derive(Debug, Deserialize)]
struct Operations {
    total: u64,
    tested: u64,
}

#[derive(Debug, Deserialize)]
struct TestCases {
    generated: u64,
}

#[derive(Debug, Deserialize)]
struct Phase {
    status: String,
}

pub(super) fn run(stage: &Stage<'_>, options: &Options) -> Result<Outcome> {
    let (hooks, file) = (stage.folder.join("accounts_hooks.py"), stage.folder.join("rest.json"));
    std::fs::write(&hooks, HOOKS).context("write the hooks")?;
    let settings = stage.folder.join("schemathesis.toml");
    std::fs::write(&settings, SETTINGS).context("write the settings")?;
    let mut command = stage.command("schemathesis");
    command.arg("--config-file").arg(&settings);
    command.args(["run", "--url", &stage.rest, "--workers", "1", "--continue-on-failure", "--no-color"]);
    command.args(["--exclude-checks", NOT_CHECKED, "--max-examples", &options.examples.to_string()]);
    command.args(["--seed", &options.seed.to_string(), "--report", "json", "--report-json-path"]).arg(&file);
    command.arg(format!("{}/api/openapi.json", stage.rest));
    command.env("MESSENGER_REST", &stage.rest).env("PYTHONPATH", stage.folder);
    command.env("SCHEMATHESIS_HOOKS", "accounts_hooks").env("PYTHONDONTWRITEBYTECODE", "1");
    let shown = stage.folder.join("rest.txt");
    // An old report must not stand for a run that broke off.
    if file.exists() {
        std::fs::remove_file(&file).context("remove the last report")?;
    }
    let status = into_file(&mut command, &shown, stage.interrupt)?;
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("schemathesis wrote no report ({status}): see {}", shown.display()))?;
    let report: Report = serde_json::from_str(&text).context("the report of schemathesis")?;
    report.outcome(status.success())
}

impl Report {
    fn outcome(self, success: bool) -> Result<Outcome> {
        let Self { complete, seed, operations, test_cases, failures, errors, phases } = self;
        ensure!(complete && operations.tested == operations.total, "not every operation was tested");
        for phase in ["coverage", "fuzzing"] {
            ensure!(phases.get(phase).is_some_and(|phase| phase.status != "skip"), "{phase} was left out");
        }
        let failures: Vec<String> = failures.iter().chain(&errors).map(ToString::to_string).collect();
        ensure!(success || !failures.is_empty(), "schemathesis failed, and does not say why");
        Ok(Outcome { operations: operations.total, requests: test_cases.generated, seed, failures })
    }
}
