//! The log: `timestamp [LEVEL] message`, to stderr as far as asked for, and to a file.

use std::fs::{File, OpenOptions};
use std::sync::Mutex;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::args::Global;
use crate::failure::Failure;

/// Starts the log.
pub(crate) fn start(global: &Global) -> Result<(), Failure> {
    let default = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info,syncplan=info",
        (false, 2) => "info,syncplan=debug",
        (false, _) => "debug,syncplan=trace",
    };
    let filter = || match std::env::var("SYNCPLAN_LOG") {
        Ok(level) if !level.is_empty() => EnvFilter::try_new(&level).map_err(|error| {
            Failure::usage(format!("SYNCPLAN_LOG is `{level}`, which is no level")).because(error)
        }),
        _ => Ok(EnvFilter::new(default)),
    };
    let to_stderr = tracing_subscriber::fmt::layer().event_format(Line).with_writer(std::io::stderr);
    let to_stderr = to_stderr.with_filter(filter()?);
    let to_file = match &global.log_file {
        Some(path) => {
            let layer =
                tracing_subscriber::fmt::layer().event_format(Line).with_writer(Mutex::new(open(path)?));
            Some(layer.with_filter(EnvFilter::new("info")))
        }
        None => None,
    };
    // A second start in one process would be a mistake of ours and changes nothing.
    let _ = tracing_subscriber::registry().with(to_stderr).with(to_file).try_init();
    Ok(())
}

fn open(path: &std::path::Path) -> Result<File, Failure> {
    OpenOptions::new().create(true).append(true).open(path).map_err(|error| {
        Failure::new(
            "syncplan::cli::log-file",
            format!("the log file `{}` cannot be written", path.display()),
        )
        .because(error)
    })
}

struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        write!(writer, "{now} [{}] ", event.metadata().level())?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
