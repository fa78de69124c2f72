# Buckets.

# start_s3: both S3 servers, each with an empty bucket `bkt` and the key testkey/testsecret. moto checks
# conditional requests and no signatures, rclone the reverse: together they are one bucket.
start_s3() {
    export SYNCPLAN_TEST_RCLONE="$tools_dir/venv/bin/rclone"
    mkdir -p "$server_dir/rclone/data/bkt" "$server_dir/moto"
    start_server moto "$tools_dir/venv/bin/moto_server" -H 127.0.0.1 -p 0
    start_server rclone env RCLONE_CONFIG=/dev/null "$SYNCPLAN_TEST_RCLONE" serve s3 "$server_dir/rclone/data" \
        --addr 127.0.0.1:0 --auth-key testkey,testsecret --vfs-cache-mode off
    SYNCPLAN_TEST_S3_MOTO=$(server_url moto)
    SYNCPLAN_TEST_S3_RCLONE=$(server_url rclone)
    export SYNCPLAN_TEST_S3_MOTO SYNCPLAN_TEST_S3_RCLONE
    moto_rclone mkdir :s3:bkt
    say "tests: moto at $SYNCPLAN_TEST_S3_MOTO, rclone serve s3 at $SYNCPLAN_TEST_S3_RCLONE"
}

moto_rclone() {
    RCLONE_CONFIG=/dev/null "$SYNCPLAN_TEST_RCLONE" --s3-provider Other --s3-endpoint "$SYNCPLAN_TEST_S3_MOTO" \
        --s3-access-key-id testkey --s3-secret-access-key testsecret "$@"
}
