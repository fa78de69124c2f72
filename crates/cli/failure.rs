use std::error::Error;
use std::fmt;

use miette::{Diagnostic, GraphicalReportHandler};
use syncplan_exec::ExecError;
use syncplan_model::Escaped;
use syncplan_scan::ScanError;
use syncplan_state::StateError;
use syncplan_store::{StoreError, StoreErrorKind};

use crate::exit::Exit;
use crate::render;

/// Why a command failed: one message with a stable code and, where there is one, the next step.
pub(crate) struct Failure {
    exit: Exit,
    kind: Kind,
}

/// A failure as data.
pub(crate) struct Told {
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

enum Kind {
    /// Labelled mistakes in the user's own text.
    Diagnostic(Box<dyn Diagnostic + Send + Sync>),
    /// Anything else.
    Message(Message),
}

#[derive(Debug)]
struct Message {
    code: &'static str,
    text: String,
    help: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure in words; the command ends with 1.
    pub(crate) fn new(code: &'static str, text: impl Into<String>) -> Self {
        let message = Message { code, text: text.into(), help: None, source: None };
        Self { exit: Exit::Error, kind: Kind::Message(message) }
    }

    /// Mistakes in a manifest or an expression; the command ends with 64.
    pub(crate) fn diagnostic(diagnostic: impl Diagnostic + Send + Sync + 'static) -> Self {
        Self { exit: Exit::Usage, kind: Kind::Diagnostic(Box::new(diagnostic)) }
    }

    /// A mistake in what was asked for; the command ends with 64.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new("syncplan::cli::usage", text).exit(Exit::Usage)
    }

    pub(crate) fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    pub(crate) fn ends_with(&self) -> Exit {
        self.exit
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        if let Kind::Message(message) = &mut self.kind {
            message.help = Some(help.into());
        }
        self
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        if let Kind::Message(message) = &mut self.kind {
            message.source = Some(source.into());
        }
        self
    }

    /// What it says, in parts; a cause stands behind the message.
    pub(crate) fn told(&self) -> Told {
        let diagnostic: &dyn Diagnostic = match &self.kind {
            Kind::Diagnostic(diagnostic) => &**diagnostic,
            Kind::Message(message) => message,
        };
        let mut message = diagnostic.to_string();
        let mut cause = diagnostic.source();
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        let text = |it: Box<dyn fmt::Display + '_>| it.to_string();
        Told { code: diagnostic.code().map(text), message, help: diagnostic.help().map(text) }
    }

    /// Prints it to stderr and answers how the command ends.
    pub(crate) fn report(self) -> Exit {
        let diagnostic: &dyn Diagnostic = match &self.kind {
            Kind::Diagnostic(diagnostic) => &**diagnostic,
            Kind::Message(message) => message,
        };
        let mut text = String::new();
        if handler().render_report(&mut text, diagnostic).is_err() {
            text = diagnostic.to_string();
        }
        render::stderr(&text);
        self.exit
    }
}

/// Diagnostics for a terminal with colours and drawn lines, or plain.
pub(crate) fn handler() -> GraphicalReportHandler {
    let theme = match render::colour::on_stderr() {
        true => miette::GraphicalTheme::unicode(),
        false => miette::GraphicalTheme::unicode_nocolor(),
    };
    GraphicalReportHandler::new_themed(theme).with_links(false).with_width(render::width())
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Message {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl Diagnostic for Message {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }
}

/// An error of a part below: its words, its advice, and its causes.
fn lifted(
    code: &'static str,
    advice: Option<impl Into<String>>,
    error: impl Error + Send + Sync + 'static,
) -> Failure {
    let failure = Failure::new(code, error.to_string());
    let failure = match advice {
        Some(advice) => failure.help(advice),
        None => failure,
    };
    if error.source().is_some() { failure.because(CauseOf(Box::new(error))) } else { failure }
}

/// The cause of an error without the error itself, whose words are the message already.
#[derive(Debug)]
struct CauseOf(Box<dyn Error + Send + Sync>);

impl fmt::Display for CauseOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.source().map_or(Ok(()), |cause| fmt::Display::fmt(cause, f))
    }
}

impl Error for CauseOf {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source().and_then(Error::source)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let code = match error.kind {
            StoreErrorKind::NoStore => "syncplan::store::missing",
            StoreErrorKind::Denied => "syncplan::store::denied",
            StoreErrorKind::Untrusted => "syncplan::store::untrusted",
            StoreErrorKind::Unreachable => "syncplan::store::unreachable",
            StoreErrorKind::Full => "syncplan::store::full",
            _ => "syncplan::store::failed",
        };
        lifted(code, error.advice(), error)
    }
}

impl From<ScanError> for Failure {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Store(error) => error.into(),
            ScanError::RootIgnored { .. } => lifted("syncplan::scan::all-left-out", error.advice(), error),
            other => lifted("syncplan::scan::failed", other.advice(), other),
        }
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        let (code, exit) = match &error {
            StateError::Locked { .. } => ("syncplan::state::locked", Exit::Locked),
            StateError::LeaseLost { .. } => ("syncplan::state::lease-lost", Exit::Locked),
            StateError::Unresolved(_) => ("syncplan::state::unresolved", Exit::Error),
            StateError::Damaged { .. } => ("syncplan::state::damaged", Exit::Error),
            StateError::Newer { .. } => ("syncplan::state::newer", Exit::Error),
            StateError::Unreachable { .. } => ("syncplan::state::unreachable", Exit::Error),
            StateError::Database { .. } | StateError::File { .. } => ("syncplan::state::failed", Exit::Error),
            StateError::Scheme(_) | StateError::Address(_) | StateError::NoFolder(_) => {
                ("syncplan::cli::usage", Exit::Usage)
            }
        };
        lifted(code, error.advice(), error).exit(exit)
    }
}

impl From<ExecError> for Failure {
    fn from(error: ExecError) -> Self {
        match error {
            ExecError::State(error) => error.into(),
            ExecError::Sync(error) => error.into(),
            // Who holds it says so itself, in an object that anybody may have written.
            ExecError::Leased { ref task, .. } => {
                let unlock = format!("`syncplan unlock {task}` takes the remote side from it");
                let wait = "wait until it is done; if that run is gone for certain";
                leased("syncplan::store::leased", &error).help(format!("{wait}, {unlock}"))
            }
            ExecError::LeaseLost { .. } => leased("syncplan::store::lease-lost", &error)
                .help("what it did is on record: apply the plan again to go on"),
            ExecError::Lease(_) | ExecError::Collect(_) => {
                lifted("syncplan::store::failed", None::<String>, error)
            }
            other => lifted("syncplan::apply::failed", None::<String>, other),
        }
    }
}

fn leased(code: &'static str, error: &ExecError) -> Failure {
    Failure::new(code, Escaped(error.to_string().as_bytes()).to_string()).exit(Exit::Locked)
}

/// What the codes of the command line mean; those of the manifest explain themselves.
pub(crate) fn explain(code: &str) -> Option<&'static str> {
    EXPLANATIONS.iter().find(|(known, _)| *known == code).map(|(_, text)| *text)
}

/// All codes of the command line.
pub(crate) fn codes() -> impl Iterator<Item = &'static str> {
    EXPLANATIONS.iter().map(|(code, _)| *code)
}

const EXPLANATIONS: &[(&str, &str)] = &[
    (
        "syncplan::cli::usage",
        "The command line asks for something that does not exist or does not fit together. Nothing was read or changed. `syncplan help COMMAND` shows what there is.",
    ),
    (
        "syncplan::secret::unresolved",
        "A store or a variable needs a secret, and the place that the manifest names for it (`env=`, `file=` or `command=`) has none. Secrets are looked up when a store opens and never before.",
    ),
    (
        "syncplan::store::missing",
        "The folder or the bucket that a store names does not exist. A folder that is only written to is created when a plan is applied; a folder that is read, and any bucket, has to exist. A source that is missing is never taken for an empty one.",
    ),
    (
        "syncplan::store::denied",
        "The store refused the request: the credentials are wrong, expired, or may not do this. Reading needs to list and get; applying needs to put and delete as well.",
    ),
    (
        "syncplan::store::unreachable",
        "No connection could be made: a wrong endpoint, no network, or a certificate that is not trusted. What was done before stays done; the same command goes on where it stopped.",
    ),
    (
        "syncplan::store::full",
        "The store has no room left. Nothing half-written stays behind: make room and run the same command again.",
    ),
    (
        "syncplan::store::failed",
        "A store did not do what was asked of it. The message names the operation and the object, and below it stands what the store said.",
    ),
    (
        "syncplan::store::leased",
        "The task has a `lease`, and another run holds its remote side: one machine at a time writes there. A lease ends with its run. Of a process on another machine nothing can be known from here: if it is gone for certain, `syncplan unlock TASK` takes the remote side from it.",
    ),
    (
        "syncplan::store::lease-lost",
        "Somebody took the remote side from this run while it was working there, so it stopped. What was done until then is on record, and applying the plan again goes on from there.",
    ),
    (
        "syncplan::store::no-credentials",
        "A bucket needs credentials. Name them in the manifest by reference, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or say that requests are anonymous.",
    ),
    (
        "syncplan::store::certificate",
        "The file that `ca-certificate` names cannot be read. It is relative to the manifest's folder and holds certificates in PEM.",
    ),
    (
        "syncplan::scan::all-left-out",
        "The root of a task holds the marker that leaves out the folder it stands in. Taken literally the side would be empty, and a mirror of it would delete everything; so it is an error.",
    ),
    (
        "syncplan::scan::failed",
        "A side could not be listed in a way that can be relied on. Nothing is planned from a listing that may lack something.",
    ),
    (
        "syncplan::state::locked",
        "Another run applies a plan to the task: one at a time may. On the same machine a lock ends with its process, however that ends. Of one on another machine nothing can be known from here: if it is gone for certain, `syncplan unlock TASK` takes the task from it.",
    ),
    (
        "syncplan::state::lease-lost",
        "Somebody unlocked a task while this run was working on it, so it stopped: another run may have the task by now. What was done until then is on record, and applying the plan again goes on from there.",
    ),
    (
        "syncplan::state::unreachable",
        "The server that holds what syncplan remembers cannot be reached, or the connection to it was lost. Nothing is done that is not on record first, so a run stops; applying the plan again goes on from there.",
    ),
    (
        "syncplan::state::unresolved",
        "An earlier run was interrupted, and some of its actions may be half done. Planning now would take them for changes. `syncplan push`, `fetch`, `sync` and `apply` finish such a run before they do anything else.",
    ),
    (
        "syncplan::state::damaged",
        "The file that holds what syncplan remembers is damaged. It holds no content: move it away, and everything is scanned anew. If a run was interrupted before, look into `.syncplan/stage` on both sides first: what waits there was on its way to another name.",
    ),
    (
        "syncplan::state::newer",
        "A newer version of syncplan wrote the state, and this one does not know what it means.",
    ),
    ("syncplan::state::failed", "The database that holds what syncplan remembers cannot be read or written."),
    ("syncplan::plan::read", "The plan's file cannot be read."),
    ("syncplan::plan::write", "The plan's file cannot be written. What stood there before is unchanged."),
    (
        "syncplan::plan::damaged",
        "The document is not a plan, or a part of it is missing or mangled. Nothing of it is used.",
    ),
    ("syncplan::plan::version", "The plan was written by a syncplan with another major format version."),
    (
        "syncplan::plan::changed",
        "The plan's content does not match its `plan_id`: it was damaged or edited. A plan is applied exactly as it was reviewed, or not at all.",
    ),
    (
        "syncplan::plan::invalid",
        "The plan breaks a promise that every plan makes: unique ids that follow from the actions, no cycles, known tasks, paths inside their roots.",
    ),
    (
        "syncplan::plan::internal",
        "The planner made something that is no valid plan. It is a mistake in syncplan; nothing was written.",
    ),
    ("syncplan::snapshot::refused", "A portable snapshot is damaged, unsorted, cut, or of another format."),
    ("syncplan::snapshot::write", "The portable snapshot cannot be written."),
    (
        "syncplan::guard::blocked",
        "A guard judged the whole plan and objects: too many deletes, an empty source, something protected. Soft guards can be overridden when a saved plan is applied, with a reason that is recorded.",
    ),
    (
        "syncplan::guard::hard",
        "Hard guards stand between a mistake and data: they cannot be overridden when a plan is applied. Change the manifest if the guard is wrong.",
    ),
    (
        "syncplan::apply::elsewhere",
        "The manifest beside the plan names another folder or bucket than the plan was made for. Nothing is applied to a place that nobody reviewed.",
    ),
    (
        "syncplan::undo::elsewhere",
        "The manifest names another folder or bucket for the task than it did when the run was made. A run is taken back where it was made, or not at all.",
    ),
    (
        "syncplan::apply::other-base",
        "A plan says which base it was made with: what both sides agreed on by then. That base was forgotten or lost since, so the plan may take for deleted what was never synced. Plan again.",
    ),
    (
        "syncplan::base::none",
        "There is no base for the task yet: nothing was planned or synced between its two places, or what was synced was forgotten.",
    ),
    (
        "syncplan::base::mark",
        "Each side of a task keeps a small mark below `.syncplan/base` of what it was synced with. That of one side cannot be read, so nobody knows whether it is the side that was synced; what it lacks may never have been deleted by anybody. Nothing was changed.",
    ),
    (
        "syncplan::conflict::held",
        "Something else than content stands in the way of what was decided: a folder that would go has entries that are left out or cannot be read, or a name is taken. Nothing was changed. Make room by hand, or make both sides the same.",
    ),
    (
        "syncplan::conflict::none",
        "A conflict is resolved by the path under which `syncplan conflicts` lists it, relative to the root of its task. At the path that was named both sides agree by now, or only one of them changed.",
    ),
    ("syncplan::apply::other-plan", "`--expect-plan-id` binds an approval to one plan, and this is another."),
    (
        "syncplan::apply::expired",
        "The plan says until when it may be applied, and that time has passed. Plan again.",
    ),
    ("syncplan::apply::failed", "The plan could not be executed at all. Nothing was changed."),
    ("syncplan::apply::journal", "The plan could not be recorded, and without a record nothing begins."),
    (
        "syncplan::apply::interrupted",
        "The run was stopped by a signal. What was under way came to its end; run it again to go on.",
    ),
    (
        "syncplan::cli::write",
        "A file of the project cannot be written. What stood there before is unchanged.",
    ),
    (
        "syncplan::cli::events",
        "The file that `--events` names cannot be written. Nothing was begun: whoever asks for events may rely on them.",
    ),
    (
        "syncplan::run::unknown",
        "Runs are named by the number that `syncplan history` lists, or as `last`. Every execution of a plan is one; dry runs, and plans that had nothing to do, are none.",
    ),
    (
        "syncplan::doctor::tool",
        "A task names a program that merges what both sides changed, and there is no such program, or it may not be run. Conflicts of that task would be held.",
    ),
    ("syncplan::cli::log-file", "The log file cannot be opened for appending."),
    ("syncplan::cli::runtime", "The operating system refused a thread."),
    ("syncplan::cli::signals", "The operating system refused to report signals."),
];
