//! plan.json on disk: plain or compressed, a file or a pipe.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use syncplan_model::plan::{self, Meta, Plan, PlanId, ReadError};

use crate::durable;
use crate::failure::Failure;

/// What zstd begins with (RFC 8878).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What a plan costs at most to look into: a compressed bomb ends here.
const MAX_PLAN: u64 = 8 << 30;

/// A plan with what stands around it in its file.
pub(crate) struct Document {
    pub(crate) plan: Plan,
    pub(crate) id: PlanId,
    pub(crate) meta: Meta,
}

impl Document {
    /// A plan that was just made.
    pub(crate) fn new(plan: Plan) -> Self {
        let created_at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
        let meta = Meta { created_at, tool: tool(), expires_at: None };
        Self { id: plan.id(), plan, meta }
    }

    /// Writes it beside the target and moves it into place; `-` is stdout.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        if path == Path::new("-") {
            return self.write_to_stdout();
        }
        let failed = |error: io::Error| {
            Failure::new(
                "syncplan::plan::write",
                format!("the plan cannot be written to `{}`", path.display()),
            )
            .because(error)
            .help("check that the folder exists and is writable")
        };
        let compressed = path.extension() == Some(OsStr::new("zst"));
        durable::write(path, |out| self.encode(out, compressed)).map_err(failed)
    }

    /// Writes it to stdout; a reader that stops early is no error of ours.
    pub(crate) fn write_to_stdout(&self) -> Result<(), Failure> {
        match self.encode(io::stdout().lock(), false) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new("syncplan::plan::write", "the plan cannot be written to stdout")
                    .because(error))
            }
            _ => Ok(()),
        }
    }

    /// The bytes that the state keeps, so that a run can be rolled forward without the file.
    pub(crate) fn packed(&self) -> io::Result<Vec<u8>> {
        let mut packed = Vec::new();
        self.encode(&mut packed, true)?;
        Ok(packed)
    }

    fn encode(&self, out: impl Write, compressed: bool) -> io::Result<()> {
        if compressed {
            let mut encoder = zstd::Encoder::new(out, 3)?;
            plan::write(BufWriter::with_capacity(1 << 16, &mut encoder), &self.plan, &self.meta)?;
            encoder.finish()?.flush()
        } else {
            plan::write(BufWriter::with_capacity(1 << 16, out), &self.plan, &self.meta).map(drop)
        }
    }
}

/// Reads a plan from a file or, as `-`, from stdin.
pub(crate) fn read(path: &Path) -> Result<Document, Failure> {
    let name = path.display().to_string();
    let opened: io::Result<Box<dyn Read>> = if name == "-" {
        Ok(Box::new(io::stdin()))
    } else {
        std::fs::File::open(path).map(|file| Box::new(file) as _)
    };
    let opened = opened.map_err(|error| {
        Failure::usage(format!("the plan `{name}` cannot be read"))
            .because(error)
            .help("make one: syncplan plan -o plan.json")
    })?;
    decode(opened).map_err(|error| refused(&name, error))
}

/// Reads the bytes that the state kept.
pub(crate) fn unpack(packed: &[u8]) -> Result<Document, Failure> {
    decode(packed).map_err(|error| refused("in the state", error))
}

fn decode(input: impl Read) -> Result<Document, ReadError> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let compressed = input.fill_buf().map_err(ReadError::Io)?.starts_with(&ZSTD_MAGIC);
    let (plan, id, meta) = if compressed {
        let decoder = zstd::Decoder::with_buffer(input).map_err(ReadError::Io)?;
        plan::read(BufReader::with_capacity(1 << 16, decoder.take(MAX_PLAN)))?
    } else {
        plan::read(input)?
    };
    Ok(Document { plan, id, meta })
}

fn refused(name: &str, error: ReadError) -> Failure {
    let (code, help) = match &error {
        ReadError::Io(_) => ("syncplan::plan::read", None),
        ReadError::Damaged(_) => ("syncplan::plan::damaged", Some("plan again: syncplan plan -o plan.json")),
        ReadError::Version(_) => ("syncplan::plan::version", None),
        ReadError::Changed { .. } => (
            "syncplan::plan::changed",
            Some("a plan is never edited: change the manifest, or use --only and --exclude, and plan again"),
        ),
        ReadError::Invalid(_) => {
            ("syncplan::plan::invalid", Some("do not apply it: it was not written by syncplan as it stands"))
        }
    };
    let failure = Failure::new(code, format!("the plan `{name}` is refused")).because(error);
    match help {
        Some(help) => failure.help(help),
        None => failure,
    }
}

/// Who makes and applies plans.
pub(crate) fn tool() -> String {
    concat!("syncplan ", env!("CARGO_PKG_VERSION")).to_owned()
}
