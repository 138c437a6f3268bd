"""nginx as the edge: TLS and HTTP/2 to clients, plain HTTP/1.1 to the bridge and to those who speak WebSocket."""
from lab.ports import free_port
from processes import wait_for_port


class Edge:
    # The last part of a path that the bridge's never have.
    PATHS = {"vmess": "/ws/1", "vless": "/ws/2"}

    def __init__(self, place):
        self.port, self.bridge_port = free_port(), free_port()
        self.websocket_ports = {protocol: free_port() for protocol in self.PATHS}
        config = place.write("edge.conf", self._config(place))
        self.process = place.start("edge", ["nginx", "-c", config, "-e", place.path("edge-error.log")])
        wait_for_port(self.port, self.process)

    def _config(self, place):
        told = "proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
        websockets = "".join(f"""    location {self.PATHS[protocol]} {{
      proxy_pass http://127.0.0.1:{port}; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
      {told}
    }}
""" for protocol, port in self.websocket_ports.items())
        temporary = " ".join(f"{kind}_temp_path {place.path('edge-' + kind)};"
                             for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        # One process, so that its CPU is one core's at most, and nothing of it outlives a run that is killed. Its buffers
        # are as large for both: of one header's size they would be what is measured.
        return f"""daemon off; master_process off; pid {place.path("edge.pid")};
events {{ worker_connections 16384; }}
http {{
  access_log off; {temporary}
  client_header_buffer_size 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 64k; proxy_buffers 8 64k;
  client_max_body_size 100m; client_body_buffer_size 64k; http2_chunk_size 16k; keepalive_requests 1000000;
  proxy_http_version 1.1; proxy_buffering off; proxy_request_buffering off; proxy_read_timeout 300s;
  upstream bridge {{ server 127.0.0.1:{self.bridge_port}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{self.port} ssl http2; server_name localhost;
    ssl_certificate {place.certificate}; ssl_certificate_key {place.key}; ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
{websockets}    location / {{ proxy_pass http://bridge; proxy_set_header Connection ""; {told} }}
  }}
}}
"""
