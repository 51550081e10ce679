"""Members that are none: they say hello and digests to a real one, and answer, so that it has as many others as a test wants.

usage: stubs.py FOLDER MEMBER_PORT PORT...     with the certificates of s0, s1, ... in FOLDER; a port for each. Ends with its stdin.
"""
import asyncio
import pathlib
import resource
import ssl
import struct
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

from cluster import DIGEST, KEYS, WANT_KEYS, frame, hello  # noqa: E402

HOST, HEARTBEAT = "127.0.0.1", 0.25


def digest():
    policy = b"session-budget"
    return frame(DIGEST, bytes([1, len(policy)]) + policy + struct.pack(">IIIIII", 2000, 1000, 100, 100, 10_000, 0)
                 + struct.pack(">QQII", 0, int(time.time() * 1000), 0, 0))


def context_of(folder, name, purpose):
    context = ssl.SSLContext(purpose)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}-key.pem")
    return context


async def message(reader):
    size, kind = struct.unpack(">IB", await reader.readexactly(5))
    await reader.readexactly(size - 1)
    return kind


async def answer(name, reader, writer):
    """On a connection that the member dialed."""
    try:
        await message(reader)
        writer.write(hello(name))
        while True:
            kind = await message(reader)
            if kind == DIGEST:
                writer.write(digest())
            if kind == WANT_KEYS:
                writer.write(frame(KEYS, bytes([0])))
    except (OSError, asyncio.IncompleteReadError):
        writer.close()


async def read_all(reader):
    while await reader.read(65536):
        pass


async def talk(folder, name, port, phase):
    context = context_of(folder, name, ssl.PROTOCOL_TLS_CLIENT)
    while True:
        try:
            reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
            writer.write(hello(name))
            reading = asyncio.ensure_future(read_all(reader))
            await asyncio.sleep(phase)
            due = time.monotonic()
            while not reading.done():
                writer.write(digest())
                due += HEARTBEAT
                await asyncio.sleep(max(0, due - time.monotonic()))
        except OSError:
            await asyncio.sleep(0.2)


async def run(folder, member_port, ports):
    count = len(ports)
    for i, port in enumerate(ports):
        name = f"s{i}"
        await asyncio.start_server(lambda reader, writer, name=name: answer(name, reader, writer), HOST, port,
                                   ssl=context_of(folder, name, ssl.PROTOCOL_TLS_SERVER))
    talkers = [asyncio.ensure_future(talk(folder, f"s{i}", member_port, i / count * HEARTBEAT)) for i in range(count)]
    print("listening", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for talker in talkers:
        talker.cancel()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    asyncio.run(run(pathlib.Path(sys.argv[1]), int(sys.argv[2]), [int(port) for port in sys.argv[3:]]))
