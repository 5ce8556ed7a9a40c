"""nginx and HAProxy in front of a server, each with a count of what it has sent there and was answered."""
import os
import shutil
import socket
import subprocess

from shop import eventually, free_port

NGINX = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.error.log;
events {{ worker_connections 256; }}
http {{
  log_format counted '$upstream_addr $upstream_status "$request"';
  access_log {folder}/proxy.log counted;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_header_timeout 3s; client_body_timeout 3s; keepalive_timeout 3s; lingering_close off;
  large_client_header_buffers 4 32k;
  upstream waybill {{ server 127.0.0.1:{behind}; keepalive 8; }}
  server {{
    listen 127.0.0.1:{port};
    ignore_invalid_headers {ignore_invalid};
    underscores_in_headers on;
    merge_slashes off;
    location / {{
      proxy_pass http://waybill;
      proxy_next_upstream off;
      {upstream}
    }}
  }}
}}
"""
NGINX_KEPT = 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off;'

# One thread: a line of the log that meets another thread's is not written (HAProxy's fd_write_frag_line).
HAPROXY = """
global
  nbthread 1
  log stdout format raw local0
defaults
  mode http
  log global
  option http-keep-alive
  option http-ignore-probes
  {options}
  timeout connect 5s
  timeout client 3s
  timeout server 30s
  timeout http-request 3s
  timeout http-keep-alive 3s
frontend front
  bind 127.0.0.1:{port}
  log-format "%s %Tr %{{+Q}}r"
  default_backend waybill
backend waybill
  http-reuse always
  server one 127.0.0.1:{behind}
"""


class Proxy:
    def __init__(self, name, command, config, folder, behind, **settings):
        self.name = name
        self.port = free_port()
        self._log = folder / "proxy.log"
        self._log.touch()
        path = folder / "config"
        path.write_text(config.format(folder=folder, port=self.port, behind=behind, **settings))
        output = (folder / "output.log").open("wb") if command[0] == "nginx" else self._log.open("ab")
        self._process = subprocess.Popen([shutil.which(command[0]) or f"/usr/sbin/{command[0]}", *command[1:], str(path)],
                                         stdout=output, stderr=(folder / "errors.log").open("wb"))
        eventually(self._listens, f"{name} listens: {(folder / 'errors.log').read_text()}")

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def requests(self, text=""):
        """Of those whose request lines hold the text: how many were answered from behind, and how many began to be sent there."""
        lines = [line.split(" ", 2) for line in self._log.read_text(errors="replace").splitlines() if text in line]
        sent = [line for line in lines if len(line) == 3 and line[0] not in ("-", "<NOSRV>")]
        return sum(1 for line in sent if line[1].isdigit()), len(sent)

    def stop(self):
        self._process.terminate()
        self._process.wait()


def nginx(folder, behind, kept):
    """`kept`: HTTP/1.1 on connections that are used again, bodies passed on as they come; else HTTP/1.0, one request each."""
    return Proxy("nginx kept" if kept else "nginx", ["nginx", "-p", str(folder), "-c"], NGINX, folder, behind, upstream=NGINX_KEPT if kept else "",
                 ignore_invalid="off" if kept else "on", user="user root;" if os.geteuid() == 0 else "")


def haproxy(folder, behind, lax):
    """`lax`: passes on what it would refuse itself, as far as it can."""
    lines = "option accept-invalid-http-request\n  option http-buffer-request" if lax else "no option http-buffer-request"
    return Proxy("haproxy lax" if lax else "haproxy", ["haproxy", "-db", "-f"], HAPROXY, folder, behind, options=lines)
