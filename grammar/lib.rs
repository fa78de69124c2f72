//! The pest grammars of syncplan: filter expressions and quantities.
//!
//! Only text and positions live here, and what people call each rule. What an expression *means*
//! is decided by those who walk the pairs.
//!
//! ```
//! use pest::Parser as _;
//! use syncplan_grammar::filter;
//!
//! let parsed = filter::FilterParser::parse(filter::Rule::program, "ext(jpg, png) and size > 1MiB");
//! assert!(parsed.is_ok());
//! ```

pub mod filter;
pub mod quantity;
