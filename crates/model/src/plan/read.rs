use std::io::{self, BufRead};

use serde::de::DeserializeOwned;

use super::canonical::{Part, PlanId, SplitError, Splitter};
use super::write::{FORMAT, Meta, VERSION};
use super::{Action, Conflict, Finding, Header, InvalidPlan, ManifestInfo, Plan, Selection, TaskHeader};

/// A document that is not taken as a plan.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Reading failed.
    #[error("the plan cannot be read")]
    Io(#[source] io::Error),
    /// It is no plan of syncplan, or it was cut off or mangled.
    #[error("this is no plan of syncplan, or it is damaged: {0}")]
    Damaged(String),
    /// Its format is newer than this program.
    #[error(
        "the plan has format version {0}, and this syncplan reads {VERSION}: use the syncplan that wrote it"
    )]
    Version(String),
    /// Its content does not match its id.
    #[error("the plan was changed after it was written: its id is {stated}, its content says {found}")]
    Changed {
        /// What it says.
        stated: PlanId,
        /// What follows from its content.
        found: PlanId,
    },
    /// It breaks a promise that every plan makes.
    #[error("the plan is not valid")]
    Invalid(#[from] InvalidPlan),
}

/// Reads plan.json part by part, checks its id, and validates all of it.
pub fn read(input: impl BufRead) -> Result<(Plan, PlanId, Meta), ReadError> {
    let mut parts = Parts::default();
    let mut version = None;
    let split = Splitter::new(|key, part| parts.take(key, part, &mut version)).run(input);
    if let Some(version) = version {
        return Err(ReadError::Version(version));
    }
    let found = split.map_err(|error| match error {
        SplitError::Io(error) => ReadError::Io(error),
        SplitError::Syntax { .. } => ReadError::Damaged(error.to_string()),
    })?;
    parts.into_plan(found)
}

#[derive(Default)]
struct Parts {
    format: Option<String>,
    format_version: Option<String>,
    plan_id: Option<PlanId>,
    manifest: Option<ManifestInfo>,
    selection: Option<Selection>,
    tasks: Option<Vec<TaskHeader>>,
    findings: Option<Vec<Finding>>,
    conflicts: Option<Vec<Conflict>>,
    actions: Option<Vec<Action>>,
    meta: Option<Meta>,
}

impl Parts {
    /// Takes what it knows; the rest a later minor version may have added.
    fn take(&mut self, key: &str, part: Part<'_>, version: &mut Option<String>) -> Result<(), String> {
        match key {
            "format" => whole(&mut self.format, key, part).and_then(|()| self.check_format()),
            "format_version" => {
                whole(&mut self.format_version, key, part).and_then(|()| self.check_version(version))
            }
            "plan_id" => whole(&mut self.plan_id, key, part),
            "manifest" => whole(&mut self.manifest, key, part),
            "selection" => whole(&mut self.selection, key, part),
            "meta" => whole(&mut self.meta, key, part),
            "tasks" => element(&mut self.tasks, key, part),
            "findings" => element(&mut self.findings, key, part),
            "conflicts" => element(&mut self.conflicts, key, part),
            "actions" => element(&mut self.actions, key, part),
            _ => unknown(key, part),
        }
    }

    fn check_format(&self) -> Result<(), String> {
        match self.format.as_deref() {
            Some(FORMAT) => Ok(()),
            _ => Err(format!("its `format` is not `{FORMAT}`")),
        }
    }

    fn check_version(&self, unknown: &mut Option<String>) -> Result<(), String> {
        let major = |version: &str| version.split('.').next().map(str::to_owned);
        let version = self.format_version.as_deref().unwrap_or_default();
        if major(version) == major(VERSION) {
            return Ok(());
        }
        *unknown = Some(version.to_owned());
        Err("its version is unknown".to_owned())
    }

    fn into_plan(self, found: PlanId) -> Result<(Plan, PlanId, Meta), ReadError> {
        need("format", self.format)?;
        need("format_version", self.format_version)?;
        let stated = need("plan_id", self.plan_id)?;
        if stated != found {
            return Err(ReadError::Changed { stated, found });
        }
        let header = Header {
            manifest: need("manifest", self.manifest)?,
            selection: need("selection", self.selection)?,
            tasks: need("tasks", self.tasks)?,
        };
        let findings = need("findings", self.findings)?;
        let conflicts = need("conflicts", self.conflicts)?;
        let plan = Plan::new(header, findings, conflicts, need("actions", self.actions)?)?;
        Ok((plan, found, need("meta", self.meta)?))
    }
}

fn need<T>(name: &'static str, part: Option<T>) -> Result<T, ReadError> {
    part.ok_or_else(|| ReadError::Damaged(format!("it has no `{name}`")))
}

fn parse<T: DeserializeOwned>(key: &str, text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| format!("`{key}`: {error}"))
}

fn whole<T: DeserializeOwned>(slot: &mut Option<T>, key: &str, part: Part<'_>) -> Result<(), String> {
    match part {
        Part::Whole(_) if slot.is_some() => Err(format!("`{key}` is there twice")),
        Part::Whole(text) => parse(key, text).map(|value| *slot = Some(value)),
        Part::Array | Part::Element(_) => Err(format!("`{key}` is a list")),
    }
}

fn element<T: DeserializeOwned>(slot: &mut Option<Vec<T>>, key: &str, part: Part<'_>) -> Result<(), String> {
    match part {
        Part::Array if slot.is_some() => Err(format!("`{key}` is there twice")),
        Part::Array => {
            *slot = Some(Vec::new());
            Ok(())
        }
        Part::Element(text) => parse(key, text).map(|value| slot.get_or_insert_default().push(value)),
        Part::Whole(_) => Err(format!("`{key}` is no list")),
    }
}

fn unknown(key: &str, part: Part<'_>) -> Result<(), String> {
    match part {
        Part::Array => Ok(()),
        Part::Whole(text) | Part::Element(text) => parse::<serde::de::IgnoredAny>(key, text).map(drop),
    }
}
