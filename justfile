dev:
    cargo clippy --workspace --all-targets --all-features
test *ARGS:
    tests/run {{ARGS}}
review:
    cargo insta review
ci:
    .ci/run
bench *ARGS:
    benches/run {{ARGS}}
