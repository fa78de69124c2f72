# WebDAV folders.

# start_webdav: two servers that have nothing in common, each with an empty folder at /dav and the user and password
# testuser/testsecret. Apache takes parts of files and keeps no times, rclone the reverse.
start_webdav() {
    export SYNCPLAN_TEST_RCLONE="$tools_dir/venv/bin/rclone"
    mkdir -p "$server_dir/rclone-webdav/data" "$server_dir/apache"
    start_server rclone-webdav env RCLONE_CONFIG=/dev/null "$SYNCPLAN_TEST_RCLONE" serve webdav \
        "$server_dir/rclone-webdav/data" --addr 127.0.0.1:0 --baseurl /dav --user testuser --pass testsecret \
        --vfs-cache-mode off
    start_apache
    SYNCPLAN_TEST_WEBDAV_RCLONE=$(server_url rclone-webdav)/dav
    SYNCPLAN_TEST_WEBDAV_APACHE=$(server_url apache)/dav
    SYNCPLAN_TEST_HTTP_APACHE=${SYNCPLAN_TEST_WEBDAV_APACHE%/dav}/files
    SYNCPLAN_TEST_HTTP_APACHE_FOLDER=$server_dir/apache/data
    export SYNCPLAN_TEST_WEBDAV_RCLONE SYNCPLAN_TEST_WEBDAV_APACHE
    export SYNCPLAN_TEST_HTTP_APACHE SYNCPLAN_TEST_HTTP_APACHE_FOLDER
    say "tests: rclone serve webdav at $SYNCPLAN_TEST_WEBDAV_RCLONE, Apache at $SYNCPLAN_TEST_WEBDAV_APACHE"
}

# start_apache: WebDAV at /dav, and the same files to read for everybody at /files.
start_apache() {
    need_command apache2 apache2-bin
    local folder=$server_dir/apache port who=()
    mkdir -p "$folder"/{data,lock,tmp}
    # It does not say which port the system gave it, so it is told one.
    port=$(free_port)
    printf 'testuser:%s\n' "$(openssl passwd -apr1 testsecret)" >"$folder/users"
    if ((EUID == 0)); then
        # It serves as nobody, who has to get at its files.
        who=("User nobody" "Group nogroup")
        chmod 711 "$server_dir"
        chown -R nobody:nogroup "$folder"
    fi
    {
        local module
        for module in mpm_event authn_core authz_core authn_file authz_user auth_basic alias mime dir autoindex dav \
            dav_fs; do
            echo "LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"
        done
        ((${#who[@]} == 0)) || printf '%s\n' "${who[@]}"
        cat <<END
ServerRoot $folder
ServerName 127.0.0.1
Listen 127.0.0.1:$port
PidFile $folder/pid
Mutex file:$folder/lock default
ErrorLog /dev/stderr
LogLevel warn
TypesConfig /dev/null
DAVLockDB $folder/lock/dav
LimitRequestLine 32768
LimitRequestFieldSize 32768
DocumentRoot $folder/data
Alias /dav $folder/data
Alias /files $folder/data
AcceptPathInfo Off
AllowEncodedSlashes On
<Directory $folder/data>
    Options +Indexes
    IndexOptions FancyIndexing NameWidth=*
    IndexIgnoreReset ON
    Require all granted
</Directory>
<Location /dav>
    Dav On
    DirectoryIndex disabled
    AuthType Basic
    AuthName tests
    AuthUserFile $folder/users
    Require valid-user
</Location>
END
    } >"$folder/apache.conf"
    start_server apache bash -c "echo http://127.0.0.1:$port; exec apache2 -f '$folder/apache.conf' -DFOREGROUND"
    wait_for_port "$port" apache
}

# free_port: one that nobody listens on at the moment.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_for_port PORT NAME
wait_for_port() {
    for _ in {1..600}; do
        (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
        sleep 0.1
    done
    say "tests: $2 did not come up within a minute"
    return 1
}
