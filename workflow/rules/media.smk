"""Probe every media file and extract the evidence that teacher and student are shown.

Reads:     results/items/{dataset}/items.parquet and the media files they name
Writes:    results/media/{shard}.parquet, results/evidence/{shard}.parquet
Wildcards: shard: 0, 1, ...; a premise's shard depends on the premise alone
"""


rule extract_evidence:
    input:
        item_tables=ITEMS,
        files=paths.media_directories(CONFIG),
        program=[ancient(program) for program in paths.ffmpeg_programs(CONFIG)],
    output:
        media="results/media/{shard}.parquet",
        evidence="results/evidence/{shard}.parquet",
    log:
        "results/logs/extract_evidence/{shard}.log",
    benchmark:
        "results/benchmarks/extract_evidence/{shard}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 2
    params:
        job=JOB["core"],
        settings=settings("media"),
        shards=CONFIG.shards,
        shard="{shard}",
        code=code("extract-evidence"),
    shell:
        """
        {params.job} --code {params.code} --inputs {input:q} --outputs {output} -- \
            python -m umui.cli extract-evidence --settings {params.settings:q} --items {input.item_tables} \
            --shard {params.shard} --shards {params.shards} --media {output.media} --evidence {output.evidence} \
            --workers {threads} 2> >(tee {log} | sed -u "s/^/extract_evidence {params.shard}: /" >&2)
        """
