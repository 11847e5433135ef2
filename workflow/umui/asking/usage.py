"""What an engine counts of its own work: tokens that were sent to it and those that its caches spared it."""

import http.client
from collections import Counter
from urllib.parse import urlsplit

COUNTERS = {
    "prompt_tokens": "vllm:prompt_tokens_total",
    "prompt_tokens_cached": "vllm:prompt_tokens_cached_total",
    "completion_tokens": "vllm:generation_tokens_total",
    "media": "vllm:mm_cache_queries_total",
    "media_cached": "vllm:mm_cache_hits_total",
}
"""By our names, vLLM's; a prompt counts once for each of its answers, and a cached token or medium is not made anew."""


def usage(url: str) -> dict[str, int]:
    """Return the counts of the vLLM server whose API is at `url`, summed over its copies of the model, since its start.

    Raises ConnectionError when it does not tell.
    """
    place = urlsplit(url)
    assert place.hostname is not None
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=10)  # ignores proxy variables
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        if answer.status != 200:
            raise ConnectionError(f"{url}: /metrics answers {answer.status}")
        return counts(answer.read().decode())
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(f"{url}: /metrics cannot be read: {error}") from error
    finally:
        connection.close()


def counts(metrics: str) -> dict[str, int]:
    """Read the counters out of Prometheus' text format; one that is not there is 0."""
    sums: Counter[str] = Counter()
    for line in metrics.splitlines():
        name, _, value = line.rpartition(" ")
        sums[name.partition("{")[0]] += 0 if line.startswith("#") else int(float(value or 0))
    return {ours: sums[theirs] for ours, theirs in COUNTERS.items()}
