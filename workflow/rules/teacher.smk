"""Ask teachers and zero-shot baselines for votes, or read published ones, and aggregate the votes into labels.

Reads:     items, evidence, models, the files of imported teachers
Writes:    results/votes/{judge}/{piece}.parquet, results/timings/{judge}/{piece}.parquet and .json,
           results/left_out/{judge}.csv (imported teachers), results/labels/{judge}/{label}.parquet
Keeps:     results/journals/{judge}/{shard}/, where each vote is written as it arrives: a killed job goes on from there,
           and another number of jobs asks for nothing again
Wildcards: judge: a teacher, an imported teacher or a baseline; label: an entry of the configuration's labels; piece:
           the shards of one job, which starts one server for them
"""


rule ask:
    input:
        item_tables=ITEMS,
        evidence=lambda wildcards: expand(
            "results/evidence/{shard}.parquet", shard=shards_of_job(**wildcards)
        ),
        model=lambda wildcards: model_input(CONFIG.judges[wildcards.judge].model),
        environment=environment_of("teacher"),
    output:
        votes="results/votes/{judge}/{piece}.parquet",
        timings="results/timings/{judge}/{piece}.parquet",
        usage="results/timings/{judge}/{piece}.json",
    log:
        asking="results/logs/ask/{judge}/{piece}.log",
        server="results/logs/ask/{judge}/{piece}.server.log",
    benchmark:
        "results/benchmarks/ask/{judge}/{piece}.tsv"
    wildcard_constraints:
        judge="|".join(CONFIG.judges) or "none",
    conda:
        "../../envs/teacher.yaml"
    resources:
        mem_mb=6000,
        gpu=0,
    params:
        job=JOB["teacher"],
        python=python_of("teacher"),
        settings=lambda wildcards: CONFIG.judges[wildcards.judge].as_json(
            exclude=NOT_IDENTITY
        ),
        # Functions of `threads`, too: Snakemake does not record what they give, and another value reruns nothing.
        circumstances=lambda wildcards, threads: CONFIG.judges[
            wildcards.judge
        ].as_json(include=NOT_IDENTITY),
        journals=lambda wildcards, threads: journals_of_job(**wildcards),
        media=lambda _: CONFIG.media.as_json(),
        model=lambda wildcards: model_arguments(CONFIG.judges[wildcards.judge].model),
        judge="{judge}",
        piece="{piece}",
        chosen=lambda wildcards: shards_of_job(**wildcards),
        shards=CONFIG.shards,
        journal="results/journals/{judge}",
        code=lambda wildcards: code(
            "ask", templates=[f"prompts:{CONFIG.judges[wildcards.judge].prompt}"]
        ),
    shell:
        """
        {params.job} --code {params.code} --inputs {input} --outputs {output} --keeps {params.journals} \
            --gpus {resources.gpu} --resumable -- \
            {params.python} -m umui.cli ask --settings {params.settings:q} \
            --circumstances {params.circumstances:q} --judge {params.judge} \
            --model {params.model} --media-settings {params.media:q} --items {input.item_tables} \
            --chosen {params.chosen} --shards {params.shards} --evidence {input.evidence} --journal {params.journal} \
            --votes {output.votes} --timings {output.timings} --usage {output.usage} --server-log {log.server} \
            --gpus {resources.gpu} --workers {threads} \
            2> >(tee {log.asking} | sed -u "s/^/ask {params.judge} {params.piece}: /" >&2)
        """


rule import_votes:
    input:
        item_tables=lambda wildcards: "results/items/{}/items.parquet".format(
            CONFIG.imported_teachers[wildcards.judge].dataset
        ),
        files=lambda wildcards: CONFIG.imported_teachers[wildcards.judge].files,
    output:
        votes="results/votes/{judge}/0.parquet",
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
        job=JOB["core"],
        settings=lambda wildcards: CONFIG.imported_teachers[wildcards.judge].as_json(),
        judge="{judge}",
        code=code("import-votes"),
    shell:
        """
        {params.job} --code {params.code} --inputs {input} --outputs {output} -- \
            python -m umui.cli import-votes --settings {params.settings:q} --teacher {params.judge} \
            --items {input.item_tables} --votes {output.votes} --left-out {output.left_out} \
            2> >(tee {log} | sed -u "s/^/import_votes {params.judge}: /" >&2)
        """


rule aggregate_votes:
    input:
        votes=lambda wildcards: votes_of(wildcards.judge),
    output:
        labels="results/labels/{judge}/{label}.parquet",
    log:
        "results/logs/aggregate_votes/{judge}/{label}.log",
    benchmark:
        "results/benchmarks/aggregate_votes/{judge}/{label}.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: CONFIG.labels[wildcards.label].as_json(),
        judge="{judge}",
        code=code("aggregate"),
    shell:
        """
        python -m umui.cli aggregate --settings {params.settings:q} --votes {input.votes} \
            --labels {output.labels} 2>{log}
        """
