"""Ask teachers and zero-shot baselines for votes, or read published ones, and aggregate the votes into labels.

Reads:     items, evidence, models, the files of imported teachers
Writes:    results/votes/{judge}/{shard}.parquet, results/timings/{judge}/{shard}.parquet,
           results/left_out/{judge}.csv (imported teachers), results/labels/{judge}/{label}/{shard}.parquet
Keeps:     results/journals/{judge}/{shard}/, where each vote is written as it arrives: a killed job goes on from there
Wildcards: judge: a teacher, an imported teacher or a baseline; label: an entry of the configuration's labels; shard
"""


rule ask:
    input:
        item_tables=ITEMS,
        evidence="results/evidence/{shard}.parquet",
        model=lambda wildcards: model_directory(CONFIG.judges[wildcards.judge].model),
        environment=environment_of("teacher"),
    output:
        votes="results/votes/{judge}/{shard}.parquet",
        timings="results/timings/{judge}/{shard}.parquet",
    log:
        asking="results/logs/ask/{judge}/{shard}.log",
        server="results/logs/ask/{judge}/{shard}.server.log",
    benchmark:
        "results/benchmarks/ask/{judge}/{shard}.tsv"
    wildcard_constraints:
        judge="|".join(CONFIG.judges) or "none",
    conda:
        "../../envs/teacher.yaml"
    resources:
        mem_mb=6000,
        gpu=0,
    params:
        python=python_of("teacher"),
        settings=lambda wildcards: CONFIG.judges[wildcards.judge].as_json(),
        media=lambda _: CONFIG.media.as_json(),
        model=lambda wildcards: model_arguments(CONFIG.judges[wildcards.judge].model),
        judge="{judge}",
        shard="{shard}",
        shards=CONFIG.shards,
        journal="results/journals/{judge}/{shard}",
        code=code("teacher.asking"),
    shell:
        """
        {JOB[teacher]} --code {params.code} --inputs {input} --outputs {output} -- \
            {params.python} -m umui.cli ask --settings {params.settings:q} --judge {params.judge} \
            --model {params.model} --media-settings {params.media:q} --items {input.item_tables} \
            --shard {params.shard} --shards {params.shards} --evidence {input.evidence} --journal {params.journal} \
            --votes {output.votes} --timings {output.timings} --server-log {log.server} --workers {threads} \
            2> >(tee {log.asking} | sed -u "s/^/ask {params.judge} {params.shard}: /" >&2)
        """


rule import_votes:
    input:
        item_tables=lambda wildcards: "results/items/{}/items.parquet".format(
            CONFIG.imported_teachers[wildcards.judge].dataset
        ),
        files=lambda wildcards: CONFIG.imported_teachers[wildcards.judge].files,
    output:
        votes=shards_of("results/votes/{judge}/{shard}.parquet"),
        left_out="results/left_out/{judge}.csv",
    log:
        "results/logs/import_votes/{judge}.log",
    benchmark:
        "results/benchmarks/import_votes/{judge}.tsv"
    wildcard_constraints:
        judge="|".join(CONFIG.imported_teachers) or "none",
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: CONFIG.imported_teachers[wildcards.judge].as_json(),
        judge="{judge}",
        code=code("teacher.published_votes"),
    shell:
        """
        {JOB[core]} --code {params.code} --inputs {input} --outputs {output} -- \
            python -m umui.cli import-votes --settings {params.settings:q} --teacher {params.judge} \
            --items {input.item_tables} --votes {output.votes} --left-out {output.left_out} \
            2> >(tee {log} | sed -u "s/^/import_votes {params.judge}: /" >&2)
        """


rule aggregate_votes:
    input:
        votes="results/votes/{judge}/{shard}.parquet",
    output:
        labels="results/labels/{judge}/{label}/{shard}.parquet",
    log:
        "results/logs/aggregate_votes/{judge}/{label}/{shard}.log",
    benchmark:
        "results/benchmarks/aggregate_votes/{judge}/{label}/{shard}.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: CONFIG.labels[wildcards.label].as_json(),
        judge="{judge}",
        shard="{shard}",
        code=code("teacher.aggregation"),
    shell:
        """
        python -m umui.cli aggregate --settings {params.settings:q} --votes {input.votes} \
            --labels {output.labels} 2>{log}
        """
