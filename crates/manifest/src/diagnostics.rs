use std::fmt::{self, Display};
use std::sync::Arc;

use miette::{LabeledSpan, NamedSource, Severity, SourceCode};
use syncplan_model::Escaped;

use crate::mask;
use crate::problem::{FileId, Mistake, Problem, Span};
use crate::source::SourceFile;

/// One diagnostic, with the text it points into.
#[derive(Debug)]
pub struct Diagnostic {
    code: &'static str,
    message: String,
    labels: Vec<LabeledSpan>,
    help: Option<String>,
    severity: Severity,
    source: Option<Arc<NamedSource<String>>>,
    // Labels in other files: miette shows one source a diagnostic.
    elsewhere: Vec<Self>,
}

/// How many diagnostics are told; what is wrong in more places is wrong in principle.
const MAX_TOLD: usize = 200;

/// Everything that is wrong with a manifest, in the order of files and lines; never empty. Beyond 200
/// problems the rest is counted.
#[derive(Debug)]
pub struct Diagnostics(Vec<Diagnostic>, usize);

/// What is worth telling about a manifest that is correct; often empty.
#[derive(Debug, Default)]
pub struct Report(Vec<Diagnostic>);

impl Diagnostic {
    /// The stable code, as `syncplan explain` takes it.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The path of the file and the range of bytes that the first label is on.
    pub fn place(&self) -> Option<(&str, std::ops::Range<usize>)> {
        let (source, label) = (self.source.as_ref()?, self.labels.first()?);
        Some((source.name(), label.offset()..label.offset() + label.len()))
    }

    fn new(problem: Problem, files: &[SourceFile], sources: &[Arc<NamedSource<String>>]) -> Self {
        let home = problem.place().map(|span| span.file);
        let (here, there): (Vec<_>, Vec<_>) =
            problem.labels.into_iter().partition(|(span, _)| Some(span.file) == home);
        Self {
            code: problem.code.id,
            message: problem.message,
            labels: here.into_iter().map(|(span, text)| labelled(span, text, files)).collect(),
            help: problem.help,
            severity: if problem.warning { Severity::Warning } else { Severity::Error },
            source: home.map(|FileId(index)| Arc::clone(&sources[index])),
            elsewhere: there.into_iter().map(|(span, text)| Self::note(span, text, files, sources)).collect(),
        }
    }

    fn note(span: Span, text: String, files: &[SourceFile], sources: &[Arc<NamedSource<String>>]) -> Self {
        Self {
            code: "",
            message: text,
            labels: vec![labelled(span, "here".to_owned(), files)],
            help: None,
            severity: Severity::Advice,
            source: Some(Arc::clone(&sources[span.file.0])),
            elsewhere: Vec::new(),
        }
    }
}

/// Labels must lie within the text, whatever a parser claimed.
fn labelled(span: Span, text: String, files: &[SourceFile]) -> LabeledSpan {
    let length = files[span.file.0].text.len();
    let start = span.start.min(length);
    LabeledSpan::new(Some(text), start, span.end.clamp(start, length) - start)
}

/// Joins problems with the text they point into. Secrets and what could steer a terminal are
/// covered, byte for byte, so that labels keep their places.
fn join(problems: Vec<Problem>, files: &[SourceFile], secrets: &[Span]) -> Vec<Diagnostic> {
    if problems.is_empty() {
        return Vec::new();
    }
    let sources: Vec<_> = files
        .iter()
        .enumerate()
        .map(|(index, file)| {
            let hidden =
                secrets.iter().filter(|span| span.file == FileId(index)).map(|span| span.start..span.end);
            Arc::new(NamedSource::new(file.shown_path(), mask::cover(&file.text, hidden)))
        })
        .collect();
    let mut problems = problems;
    problems.sort_by_key(Problem::place);
    problems.truncate(MAX_TOLD);
    problems.into_iter().map(|problem| Diagnostic::new(problem, files, &sources)).collect()
}

impl Diagnostics {
    /// The caller knows that there is one or more.
    pub(crate) fn some(problems: Vec<Problem>, files: &[SourceFile], secrets: &[Span]) -> Self {
        debug_assert!(!problems.is_empty());
        let untold = problems.len().saturating_sub(MAX_TOLD);
        Self(join(problems, files, secrets), untold)
    }

    /// The diagnostics, in the order of files and lines.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// Where only one thing is wrong, it speaks for itself.
    fn only(&self) -> Option<&Diagnostic> {
        match self.0.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }
}

impl Report {
    pub(crate) fn new(problems: Vec<Problem>, files: &[SourceFile], secrets: &[Span]) -> Self {
        Self(join(problems, files, secrets))
    }

    /// The warnings, in the order of files and lines.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(self.message.as_bytes()).fmt(f)
    }
}

impl std::error::Error for Diagnostic {}

impl miette::Diagnostic for Diagnostic {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        (!self.code.is_empty()).then(|| Box::new(self.code) as Box<dyn Display>)
    }

    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        let help = self.help.as_deref()?;
        Some(Box::new(EscapedLines(help)))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_deref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labels = self.labels.iter().map(|label| {
            let text = label.label().map(|text| Escaped(text.as_bytes()).to_string());
            LabeledSpan::new(text, label.offset(), label.len())
        });
        (!self.labels.is_empty()).then(|| Box::new(labels) as Box<dyn Iterator<Item = LabeledSpan>>)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        let notes = self.elsewhere.iter().map(|note| note as &dyn miette::Diagnostic);
        (!self.elsewhere.is_empty()).then(|| Box::new(notes) as Box<dyn Iterator<Item = _>>)
    }
}

/// A help may have several lines; everything else in it is escaped.
struct EscapedLines<'a>(&'a str);

impl Display for EscapedLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.0.split('\n').enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            Escaped(line.as_bytes()).fmt(f)?;
        }
        Ok(())
    }
}

impl Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.only() {
            Some(only) => only.fmt(f),
            None if self.1 == 0 => write!(f, "{} problems", self.0.len()),
            None => write!(f, "{} problems, and {} more", self.0.len(), self.1),
        }
    }
}

impl std::error::Error for Diagnostics {}

impl miette::Diagnostic for Diagnostics {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.only().and_then(miette::Diagnostic::code)
    }

    fn severity(&self) -> Option<Severity> {
        Some(Severity::Error)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        self.only().and_then(miette::Diagnostic::help)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.only().and_then(miette::Diagnostic::source_code)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.only().and_then(miette::Diagnostic::labels)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        match self.only() {
            Some(only) => only.related(),
            None => Some(Box::new(self.0.iter().map(|one| one as &dyn miette::Diagnostic))),
        }
    }
}

/// The diagnostics of a text that is no manifest: an argument of the command line.
///
pub(crate) fn standalone(text: &str, name: &str, mistakes: Vec<Mistake>) -> Diagnostics {
    let files = [SourceFile { path: name.to_owned(), text: text.to_owned() }];
    let place = |range| Span::new(FileId(0), range);
    let problems = mistakes.into_iter().map(|mistake| mistake.locate(place)).collect();
    Diagnostics::some(problems, &files, &[])
}
