"""Start the installed `bridge sandbox`, ask one question by HTTP, and wait for its answer."""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request


def call(address: str, body: dict[str, object] | None = None) -> dict[str, object]:
    """One JSON call to the people's side of the sandbox."""
    content = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(address, content, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def main(program: str) -> None:
    """Ask; exit with an error when no answer stands within 30 seconds."""
    sandbox = subprocess.Popen(
        [program, "sandbox", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        found = re.search(r"http://\S+", sandbox.stdout.readline())
        address = found[0]
        person = call(f"{address}/sandbox/state")["people"][0]["id"]
        wish = {"person_id": person, "chat_id": person, "text": "Hello"}
        call(f"{address}/sandbox/send", wish)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            messages = call(f"{address}/sandbox/state")["messages"][str(person)]
            if len(messages) > 1 and "Stop" not in json.dumps(messages[-1].get("reply_markup")):
                print("answered:", messages[-1]["text"][:60].replace("\n", " "))
                return
            time.sleep(0.2)
        sys.exit("no answer within 30 s")
    finally:
        sandbox.send_signal(signal.SIGTERM)
        sandbox.wait(15)


main(sys.argv[1])
