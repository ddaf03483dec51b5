# /// script
# [tool.gb10docs]
# needs = ["docker"]
# ///
docker version --format 'client {{.Client.Version}}, server {{.Server.Version}}'
docker compose version
