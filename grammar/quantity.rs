//! The grammar of sizes, durations, rates and dates, `quantity.pest`.
#![expect(missing_docs, reason = "pest's derive emits undocumented items")]

/// The parser that pest makes of `quantity.pest`.
#[derive(pest_derive::Parser)]
#[grammar = "quantity.pest"]
pub struct QuantityParser;
