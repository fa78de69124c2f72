//! The stable codes of all diagnostics, and what `syncplan explain` says about them.

/// The code of a kind of diagnostic. It never changes its meaning; a new meaning gets a new code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) id: &'static str,
    explanation: &'static str,
}

macro_rules! codes {
    ($($name:ident = $id:literal: $explanation:literal;)*) => {
        $(pub(crate) const $name: &Code = &Code { id: concat!("syncplan::", $id), explanation: $explanation };)*

        const ALL: &[&Code] = &[$($name),*];

        /// The codes of all diagnostics that this crate can give.
        pub const CODES: &[&str] = &[$(concat!("syncplan::", $id)),*];
    };
}

codes! {
    // Files and text.
    NOT_FOUND = "manifest::not-found": "The manifest, or a file that it includes, does not exist. Paths of includes are relative to the file that names them, and stay in the manifest's folder. An include that may be missing says so: `include \"local.kdl\" optional=#true`.";
    UNREADABLE = "manifest::unreadable": "The file exists but could not be read. Its permissions, or the disk, are the usual reasons.";
    NOT_UTF8 = "manifest::not-utf8": "Manifests are UTF-8. The label is on the first byte that is not. Save the file as UTF-8; `iconv -f latin1 -t utf-8` converts most old files.";
    BYTE_ORDER_MARK = "manifest::byte-order-mark": "The file begins with a byte order mark, which some editors on Windows write. UTF-8 needs none and other tools stumble over it, so it is refused. Save as \"UTF-8 without BOM\".";
    EMPTY = "manifest::empty": "The manifest says nothing. A manifest begins with `syncplan format=1`; docs/manifest.md shows a whole one.";
    TOO_LARGE = "manifest::too-large": "A file of a manifest is at most 1 MiB. Split it with `include`, or let a filter say with one pattern what a long list says now.";
    TOO_DEEP = "manifest::too-deep": "Blocks nest at most 64 deep, and blocks commented out by `/-` and comments within comments at most 4 deep. No manifest needs more, and a parser could be made to run for hours or to crash with more.";
    SYNTAX = "manifest::syntax": "The text is not KDL 2 (https://kdl.dev). A line is a node: a name, then arguments and properties separated by spaces, then perhaps a block in braces.";
    UNCLOSED = "manifest::unclosed": "A block, a string or a comment has a beginning and no end. The label is on the beginning.";
    UNQUOTED = "manifest::unquoted": "KDL reads a bare word only if it does not look like a number and holds none of `\\ / ( ) { } [ ] ; \" # =`. Sizes, durations and paths therefore stand in quotes: `\"50GiB\"`, `\"~/x\"`.";
    KDL1_KEYWORD = "manifest::kdl1-keyword": "In KDL 2 true, false and null are written `#true`, `#false` and `#null`. KDL 1 had them without the `#`.";
    COMMENT = "manifest::comment": "KDL comments begin with `//`, or stand between `/*` and `*/`. `/-` before a node, a property or an argument comments that out.";
    COLON = "manifest::colon": "KDL separates a name from its value by a space: `mode mirror`, not `mode: mirror`. (A colon is a legal part of a name, so the parser alone cannot tell.)";
    KDL_VERSION = "manifest::kdl-version": "The file announces KDL 1. Manifests are KDL 2: `/- kdl-version 2`, or nothing at all.";
    FORMAT_VERSION = "manifest::format-version": "`syncplan format=1` says which language the manifest is written in. This syncplan reads format 1 only; a higher one needs a newer syncplan.";

    // Nodes, arguments, properties.
    UNKNOWN_NODE = "manifest::unknown-node": "No node of that name may stand in this place. Unknown names are never ignored: a misspelt `protect` would protect nothing.";
    UNKNOWN_PROPERTY = "manifest::unknown-property": "The node has no property of that name. Properties only qualify a statement; most settings are nodes of their own in the block.";
    UNKNOWN_KIND = "manifest::unknown-kind": "The kind of a store, database, task or notify is none that syncplan knows.";
    UNKNOWN_VALUE = "manifest::unknown-value": "The setting takes one of a few words, and this is none of them.";
    DUPLICATE_PROPERTY = "manifest::duplicate-property": "The node gives one property twice. KDL would silently take the last one.";
    DUPLICATE_SETTING = "manifest::duplicate-setting": "The setting is given twice, and only one of them could count.";
    DUPLICATE_NAME = "manifest::duplicate-name": "Two nodes of one sort have the same name, perhaps in different files. Both places are shown.";
    MISSING_NODE = "manifest::missing-node": "A setting that has no default is missing.";
    MISSING_ARGUMENT = "manifest::missing-argument": "The node needs an argument: its name or its value.";
    MISSING_PROPERTY = "manifest::missing-property": "The node needs a property that it does not have.";
    EXTRA_ARGUMENT = "manifest::extra-argument": "The node has more arguments than it takes.";
    EXTRA_BLOCK = "manifest::extra-block": "The node takes no block in braces.";
    WRONG_TYPE = "manifest::wrong-type": "The value is of another type than the setting: text, a whole number, or `#true` and `#false`.";
    OUT_OF_RANGE = "manifest::out-of-range": "The number is outside of what the setting accepts.";
    TYPE_ANNOTATION = "manifest::type-annotation": "KDL allows a type in parentheses before a value or a node; manifests use none.";
    PROPERTY_AS_NODE = "manifest::property-as-node": "The setting is given as a node and should be a property of the node around it or before it.";
    NODE_AS_PROPERTY = "manifest::node-as-property": "The setting is given as a property and should be a node in the block: settings stand one a line, so that a change of one is a line in a diff.";
    BAD_NAME = "manifest::bad-name": "Names begin with a letter or a digit and go on with letters, digits, `.`, `_` and `-`, all of ASCII. Filters also cannot be called what a term of the filter language is called.";
    BAD_PATH = "manifest::bad-path": "Paths in a store are relative, with `/` between their parts; none of the parts is empty, `.` or `..`. To mean the whole store, leave the path out.";
    BAD_URL = "manifest::bad-url": "The URL has no scheme that the store speaks, or no host.";
    BAD_PATTERN = "manifest::bad-pattern": "The glob does not compile.";
    BAD_CRON = "manifest::bad-cron": "Five fields: minute, hour, day of month, month, day of week; each `*`, a number, a range `1-5`, a step `*/15` or a list of those.";
    BAD_QUANTITY = "manifest::bad-quantity": "Sizes are written `10MiB` or `5GB`, durations `30d` or `2h30m`, rates `20MiB/s`: a whole number and its unit, without a space.";
    LITERAL_SECRET = "manifest::literal-secret": "A manifest is kept in git, so a secret in it is a secret given away. Name the place where it is kept: `env=NAME`, `file=\"PATH\"`, `command=\"PROGRAM ARGUMENTS\"` or `keyring=\"NAME\"`. If this one was ever committed, replace it at its origin.";

    // Names that refer to something.
    UNKNOWN_VARIABLE = "manifest::unknown-variable": "No `variables` node defines the variable. `$${` writes a literal `${`.";
    MISSING_VARIABLE = "manifest::missing-variable": "The variable is `required=#true` and got no value from the manifest, the profile, the environment (`SYNCPLAN_VAR_…`) or `--var`.";
    VARIABLE_PATTERN = "manifest::variable-pattern": "The value of the variable does not match its `pattern=`, a regular expression over the whole value.";
    VARIABLE_SYNTAX = "manifest::variable-syntax": "A variable is written `${name}`. Includes are read, and variables defined, before any is replaced, so neither can use one.";
    UNUSED_VARIABLE = "manifest::unused-variable": "Nothing uses the variable. It may be a leftover, or a misspelling elsewhere.";
    UNKNOWN_STORE = "manifest::unknown-store": "No `store` node has that name.";
    UNKNOWN_DATABASE = "manifest::unknown-database": "No `database` node has that name.";
    UNKNOWN_TASK = "manifest::unknown-task": "No `task` node has that name.";
    UNKNOWN_PROFILE = "manifest::unknown-profile": "No `profile` node has that name.";
    PROFILE_ADDS = "manifest::profile-adds": "A profile changes settings and variables of what exists, and adds nothing.";
    UNUSED_FILTER = "manifest::unused-filter": "Nothing uses the filter. It may be a leftover, or a misspelling elsewhere.";
    INCLUDE_CYCLE = "manifest::include-cycle": "A file includes itself, directly or through others.";
    INCLUDE_OUTSIDE = "manifest::include-outside": "Includes stay in the manifest's folder, so that one folder holds all there is to review.";
    INCLUDE_LIMIT = "manifest::include-limit": "A manifest has at most 64 files.";

    // What nodes say about each other.
    TASK_CYCLE = "manifest::task-cycle": "Each of the tasks waits for another of them, so none could ever start. Every `after` on the way round is shown.";
    OVERLAP = "manifest::overlap": "Two tasks write to the same place, or one writes inside the place of the other. Each would undo what the other does.";
    SAME_PLACE = "manifest::same-place": "The local and the remote side of a task are the same place, or one lies inside the other. A task that syncs into itself would never end.";
    TWO_WAY_DIRECTION = "manifest::two-way-direction": "A task that is two-way has no direction: both sides are source and target.";
    MODE_DELETE = "manifest::mode-delete": "The mode and the delete policy contradict each other: a two-way task deletes what was `synced`, or `never`.";
    CANNOT_DELETE = "manifest::cannot-delete": "The task would delete in a store that is append-only. Say `delete never`, or let it write to another store.";
    STORE_LACKS = "manifest::store-lacks": "The task or the setting needs something that the store cannot do: writing to a read-only store, or a way of addressing that the provider refuses.";
    CONTRADICTION = "manifest::contradiction": "Two settings contradict each other.";
    NOT_SUPPORTED_YET = "manifest::not-supported-yet": "The manifest language has this and the manifest is correct, but this version of syncplan cannot do it yet. It refuses rather than leaving it out in silence.";

    // Filters.
    FILTER_SYNTAX = "filter::syntax": "The expression does not follow the grammar: terms joined by `and`, `or` and `not`, with parentheses. See docs/filters.md.";
    FILTER_OPERATOR = "filter::operator": "Filters use words and few signs: `and`, `or`, `not`, and `<` `<=` `=` `>=` `>`.";
    FILTER_QUOTES = "filter::quotes": "Text in filters stands in single quotes: `name('*.tmp')`. So it can stand inside the double quotes of the manifest.";
    FILTER_UNCLOSED = "filter::unclosed": "A parenthesis or a quote is opened and never closed.";
    FILTER_UNKNOWN_TERM = "filter::unknown-term": "The filter language has no term of that name.";
    FILTER_UNKNOWN_NAME = "filter::unknown-filter": "No `filter` node has that name.";
    FILTER_CYCLE = "filter::cycle": "The filter uses itself, directly or through others.";
    FILTER_ARGUMENTS = "filter::arguments": "The term takes another number of arguments.";
    FILTER_COMPARISON = "filter::comparison": "`size`, `age` and `mtime` are compared, `kind` is only ever equal to something, and all other terms are called with parentheses.";
    FILTER_VALUE = "filter::value": "The value is none that the term knows.";
    FILTER_PATTERN = "filter::pattern": "The glob or the regular expression does not compile, or is too large.";
    FILTER_PLAN_TERM = "filter::plan-term": "`op`, `task`, `side` and `risk` judge the actions of a plan. They may stand in `protect`, `--only` and `--exclude`; a scan, which `select` steers, knows no actions.";
    FILTER_TOO_LARGE = "filter::too-large": "Filters nest at most 64 deep and have at most 10,000 terms, references included.";
    FILTER_VOID = "filter::matches-nothing": "No entry can ever match, as in `size > 5GiB and size < 1MiB`. It is a warning: `none()` says so on purpose.";
}

/// What a code means, at more length than its diagnostics; `None` for codes of other crates.
pub fn explain(code: &str) -> Option<&'static str> {
    ALL.iter().find(|known| known.id == code).map(|known| known.explanation)
}
