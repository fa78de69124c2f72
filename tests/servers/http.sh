# Web sites. Apache serves one as well: see webdav.sh.

# start_http: nginx with its indexes of folders as HTML at / and as JSON at /json/, and python's server, which knows
# neither ranges nor ETags; both show the same files.
start_http() {
    need_command nginx nginx-light
    local folder=$server_dir/nginx port
    mkdir -p "$folder"/{data,tmp} "$server_dir/python-http"
    chmod 711 "$server_dir"
    port=$(free_port)
    cat >"$folder/nginx.conf" <<END
daemon off;
worker_processes 1;
pid $folder/pid;
error_log stderr warn;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path $folder/tmp;
    proxy_temp_path $folder/tmp;
    fastcgi_temp_path $folder/tmp;
    uwsgi_temp_path $folder/tmp;
    scgi_temp_path $folder/tmp;
    server {
        listen 127.0.0.1:$port;
        absolute_redirect on;
        location / { root $folder/data; autoindex on; }
        location /json/ { alias $folder/data/; autoindex on; autoindex_format json; }
        location /moved/ { return 302 http://127.0.0.1:$port/json/; }
        location /secret/ {
            if (\$http_authorization != "Bearer testtoken") { return 401; }
            alias $folder/data/; autoindex on;
        }
    }
}
END
    start_server nginx bash -c "echo http://127.0.0.1:$port; exec nginx -c '$folder/nginx.conf' -p '$folder'"
    start_server python-http "$tools_dir/venv/bin/python" -u -c "
import functools, http.server
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory='$folder/data')
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
print('http://127.0.0.1:%d' % server.server_address[1])
server.serve_forever()"
    wait_for_port "$port" nginx
    SYNCPLAN_TEST_HTTP_NGINX=$(server_url nginx)
    SYNCPLAN_TEST_HTTP_PYTHON=$(server_url python-http)
    SYNCPLAN_TEST_HTTP_FOLDER=$folder/data
    export SYNCPLAN_TEST_HTTP_NGINX SYNCPLAN_TEST_HTTP_PYTHON SYNCPLAN_TEST_HTTP_FOLDER
    say "tests: nginx at $SYNCPLAN_TEST_HTTP_NGINX, python's http.server at $SYNCPLAN_TEST_HTTP_PYTHON"
}

# start_tls: nginx again, over TLS, with certificates that prove nothing to a stranger: one of our own making, one that is
# expired, and one that is made out to another host.
start_tls() {
    need_command nginx nginx-light
    local folder=$server_dir/tls name port
    mkdir -p "$folder"/{data,tmp}
    chmod 711 "$server_dir"
    "$tools_dir/venv/bin/python" - "$folder" <<'END'
import datetime, ipaddress, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

now = datetime.datetime.now(datetime.timezone.utc)
day = datetime.timedelta(days=1)


def write(path, key, certificate):
    with open(path + ".pem", "wb") as file:
        file.write(certificate.public_bytes(serialization.Encoding.PEM))
    with open(path + ".key", "wb") as file:
        file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                     serialization.NoEncryption()))


def make(name, key, issuer, signer, names, end, is_authority):
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(issuer or subject, subject, key.public_key(), x509.random_serial_number(),
                                      now - 3 * day, end)
    builder = builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer, hashes.SHA256())


folder = sys.argv[1] + "/"
authority_key = ec.generate_private_key(ec.SECP256R1())
authority = make("syncplan tests", authority_key, None, authority_key, None, now + 7 * day, True)
write(folder + "authority", authority_key, authority)
here = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
for name, names, end in [("own", here, now + 7 * day), ("expired", here, now - day),
                         ("elsewhere", [x509.DNSName("elsewhere.example")], now + 7 * day)]:
    key = ec.generate_private_key(ec.SECP256R1())
    write(folder + name, key, make(name, key, authority.subject, authority_key, names, end, False))
END
    {
        echo "daemon off; worker_processes 1; pid $folder/pid; error_log stderr crit; events { worker_connections 64; }"
        echo "http { access_log off;"
        for name in client_body proxy fastcgi uwsgi scgi; do echo "${name}_temp_path $folder/tmp;"; done
        for name in own expired elsewhere; do
            port=$(free_port)
            export "SYNCPLAN_TEST_TLS_${name^^}=https://127.0.0.1:$port"
            echo "server { listen 127.0.0.1:$port ssl; ssl_certificate $folder/$name.pem;"
            echo "ssl_certificate_key $folder/$name.key; location / { root $folder/data; autoindex on; } }"
        done
        echo "}"
    } >"$folder/nginx.conf"
    export SYNCPLAN_TEST_TLS_AUTHORITY=$folder/authority.pem
    start_server tls nginx -c "$folder/nginx.conf" -p "$folder"
    wait_for_port "$port" tls
}
