#!/usr/bin/env python3
"""EFA's side in a few lines, written from schemas/asyncapi.json: asks for a TPVM upgrade, waits
for the reply, and follows the events to the end.

    pip install pika
    AMQP_URL=amqp://user:password@broker/ efa_client.py <device-ip> <firmware-host-ip> <image-path>

Exit code: 0 completed, 1 ended otherwise, 2 wrong usage, 3 rejected, 4 no answer or no end in time.
"""
import json
import os
import sys
import time
import uuid

import pika

PREFIX = os.environ.get("TPVM_BROKER_PREFIX", "tpvm-upgrade")
REPLY_SECONDS, END_SECONDS = 30, 4 * 3600


def main(ip_address, firmware_host, tpvm_image):
    request_id = str(uuid.uuid4())
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
    channel = connection.channel()
    channel.confirm_delivery()
    # One queue of our own for both the reply and the events, bound before the request is sent.
    inbox = channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
    channel.queue_bind(inbox, exchange=f"{PREFIX}.events", routing_key="event.#")

    request = {"version": 1, "request_id": request_id, "ip_address": ip_address,
               "firmware_host": firmware_host, "tpvm_image": tpvm_image, "requested_by": "efa_client.py"}
    properties = pika.BasicProperties(
        content_type="application/json", type="upgrade-request", delivery_mode=2,
        message_id=request_id, correlation_id=request_id, reply_to=inbox, timestamp=int(time.time()))
    # Raises if no queue takes the request, or the broker refuses it.
    channel.basic_publish(PREFIX, "request", json.dumps(request).encode(), properties, mandatory=True)

    last_seq = 0
    deadline = time.monotonic() + REPLY_SECONDS
    for method, properties, body in channel.consume(inbox, inactivity_timeout=1):
        if time.monotonic() > deadline:
            print(f"nothing in time; the same request may be sent again with request_id {request_id}")
            return 4
        if method is None:
            continue
        channel.basic_ack(method.delivery_tag)
        message = json.loads(body)
        if message.get("request_id") != request_id or message["version"] != 1:
            continue
        if properties.type == "upgrade-reply":
            if message["answer"] == "rejected":
                for reason in message["reasons"]:
                    print(f"rejected: {reason['message']}; {reason['remedy']}")
                return 3
            deadline = time.monotonic() + END_SECONDS
            print(f"accepted: execution {message['execution_id']}", flush=True)
        elif properties.type == "upgrade-event" and message["seq"] > last_seq:  # else a repeat
            last_seq = message["seq"]
            print(f"{message['time']} {message['state']}: {message['status']}", flush=True)
            if message["kind"] == "finished":
                print(f"{message['update_state']} ({message['verdict']}): {message['detailed_status']}")
                return 0 if message["update_state"] == "Completed" else 1


if __name__ == "__main__":
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(*sys.argv[1:]))
