"""The application whose requests cost what a test says (worktop/main.cpp), and visitors who keep it busy."""
import contextlib
import threading


def turn(connection, **knobs):
    query = "&".join(f"{name}={value}" for name, value in knobs.items())
    assert connection.post(f"/knob?{query}", b"", [("Content-Length", "0")]).status == 200


@contextlib.contextmanager
def all_at_once(visitors, path):
    """Each visitor asks again and again, as soon as it has its answer. Yields the list of (visitor, response)."""
    answers, stop = [], threading.Event()

    def ask(visitor):
        while not stop.is_set():
            response = visitor.get(path)
            answers.append((visitor, response))
            if response.header("Connection") == "close":
                return

    threads = [threading.Thread(target=ask, args=(visitor,)) for visitor in visitors]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join()
