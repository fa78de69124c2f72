# Google Cloud Storage: an emulator that others made, which ignores conditions, and a model of our own, which
# holds them as the service documents it.

python_packages+=("gcp-storage-emulator==2026.7.19")

# start_gcs: both, each with an empty bucket `bkt`.
start_gcs() {
    mkdir -p "$server_dir/gcs-emulator" "$server_dir/gcs-model"
    start_server gcs-emulator "$tools_dir/venv/bin/python" -u "$PWD/tests/servers/gcs_emulator.py"
    start_server gcs-model "$tools_dir/venv/bin/python" -u "$PWD/tests/servers/gcs_model.py"
    SYNCPLAN_TEST_GCS_EMULATOR=$(server_url gcs-emulator)
    SYNCPLAN_TEST_GCS_MODEL=$(server_url gcs-model)
    export SYNCPLAN_TEST_GCS_EMULATOR SYNCPLAN_TEST_GCS_MODEL
    say "tests: gcp-storage-emulator at $SYNCPLAN_TEST_GCS_EMULATOR, a model of GCS at $SYNCPLAN_TEST_GCS_MODEL"
}
