use std::io::{self, BufWriter, Write};

use serde::{Deserialize, Serialize};

use super::canonical::{CanonicalHasher, PlanId};
use super::{Header, Plan};

pub(super) const FORMAT: &str = "syncplan.plan";
pub(super) const VERSION: &str = "1.0";

/// What is known of the making of a plan, and is no part of its identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// When it was made, as RFC 3339.
    pub created_at: String,
    /// What made it: `syncplan 0.1.0`.
    pub tool: String,
    /// When it should no longer be applied, as RFC 3339.
    #[serde(default)]
    pub expires_at: Option<String>,
}

/// A plan in three booleans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Status {
    pub(super) applyable: bool,
    pub(super) complete: bool,
    pub(super) has_changes: bool,
}

impl Plan {
    /// The plan's identity: it follows from everything but the time it was made.
    pub fn id(&self) -> PlanId {
        let mut hashing = BufWriter::with_capacity(1 << 16, CanonicalHasher::default());
        let written = write_members(&mut hashing, self, None).and_then(|()| Ok(hashing.into_inner()?));
        match written {
            Ok(hasher) => hasher.finish(),
            Err(error) => unreachable!("hashing in memory cannot fail: {error}"),
        }
    }
}

/// Writes plan.json, one action a line.
pub fn write(mut out: impl Write, plan: &Plan, meta: &Meta) -> io::Result<PlanId> {
    let id = plan.id();
    out.write_all(b"{")?;
    write_members(&mut out, plan, Some(id))?;
    member(&mut out, "meta", meta)?;
    out.write_all(b"}\n")?;
    out.flush()?;
    Ok(id)
}

/// All members but `meta`; without an id, exactly what the id is made of.
fn write_members(out: &mut impl Write, plan: &Plan, id: Option<PlanId>) -> io::Result<()> {
    let Header { manifest, selection, tasks } = plan.header();
    let status = Status {
        applyable: plan.is_applyable(),
        complete: plan.is_complete(),
        has_changes: plan.has_changes(),
    };
    write!(out, "\"format\":\"{FORMAT}\",\"format_version\":\"{VERSION}\"")?;
    if let Some(id) = id {
        member(out, "plan_id", &id)?;
    }
    member(out, "status", &status)?;
    member(out, "manifest", manifest)?;
    member(out, "selection", selection)?;
    list(out, "tasks", tasks)?;
    member(out, "summary", plan.summary())?;
    list(out, "findings", plan.findings())?;
    list(out, "conflicts", plan.conflicts())?;
    list(out, "actions", plan.actions())
}

fn member(out: &mut impl Write, name: &str, value: &impl Serialize) -> io::Result<()> {
    write!(out, ",\n\"{name}\":")?;
    Ok(serde_json::to_writer(out, value)?)
}

fn list<T: Serialize>(out: &mut impl Write, name: &str, elements: &[T]) -> io::Result<()> {
    write!(out, ",\n\"{name}\":[")?;
    for (at, element) in elements.iter().enumerate() {
        out.write_all(if at == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, element)?;
    }
    out.write_all(if elements.is_empty() { b"]" } else { b"\n]" })
}
