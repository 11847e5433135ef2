"""Turn data sets into items: premise-hypothesis pairs with their labels.

Reads:     the configuration's datasets, and the files that they name
           data/downloads.yaml (the rule download, which nothing but its own name asks for)
Writes:    results/items/{dataset}/items.parquet; for an urn world its media files and lessons, for other data sets
           left_out.parquet, the rows that became no item;
           data/downloads/{download}.json, and beside it the downloaded files and their lock
Wildcards: dataset; download: an entry of data/downloads.yaml
"""


rule build_urn:
    output:
        item_tables="results/items/{dataset}/items.parquet",
        lessons="results/items/{dataset}/lessons.parquet",
        media=directory("results/items/{dataset}/media"),
    log:
        "results/logs/build_urn/{dataset}.log",
    benchmark:
        "results/benchmarks/build_urn/{dataset}.tsv"
    wildcard_constraints:
        dataset="|".join(URNS) or "none",
    conda:
        "../../envs/core.yaml"
    threads: 2
    params:
        job=JOB["core"],
        settings=lambda wildcards: CONFIG.datasets[wildcards.dataset].as_json(),
        dataset="{dataset}",
        code=code("build-urn"),
    shell:
        """
        {params.job} --code {params.code} --outputs {output} -- \
            python -m umui.cli build-urn --settings {params.settings:q} --dataset {params.dataset} \
            --media-directory {output.media} --items {output.item_tables} --lessons {output.lessons} --workers {threads} \
            2> >(tee {log} | sed -u "s/^/build_urn {params.dataset}: /" >&2)
        """


rule import_items:
    input:
        files=lambda wildcards: files_of(CONFIG.datasets[wildcards.dataset]),
    output:
        item_tables="results/items/{dataset}/items.parquet",
        left_out="results/items/{dataset}/left_out.parquet",
    log:
        "results/logs/import_items/{dataset}.log",
    benchmark:
        "results/benchmarks/import_items/{dataset}.tsv"
    wildcard_constraints:
        dataset="|".join(name for name in DATASETS if name not in URNS) or "none",
    conda:
        "../../envs/core.yaml"
    threads: 2
    params:
        job=JOB["core"],
        settings=lambda wildcards: CONFIG.datasets[wildcards.dataset].as_json(),
        dataset="{dataset}",
        code=lambda wildcards: code(
            "import-items", f"datasets.{CONFIG.datasets[wildcards.dataset].kind}:pairs"
        ),
    shell:
        """
        {params.job} --private --code {params.code} --inputs {input} --outputs {output} -- \
            python -m umui.cli import-items --settings {params.settings:q} --dataset {params.dataset} \
            --items {output.item_tables} --left-out {output.left_out} --workers {threads} \
            2> >(tee {log} | sed -u "s/^/import_items {params.dataset}: /" >&2)
        """


rule download:
    input:
        downloads=os.path.relpath(ROOT / "data/downloads.yaml"),
    output:
        receipt="data/downloads/{download}.json",
    log:
        "results/logs/download/{download}.log",
    wildcard_constraints:
        download="[a-z0-9-]+",
    localrule: True
    conda:
        "../../envs/core.yaml"
    params:
        name="{download}",
        lock="data/downloads/{download}.lock.yaml",
        code=code("download"),
    shell:
        """
        python -m umui.cli download --downloads {input.downloads} --name {params.name} --lock {params.lock} \
            --receipt {output.receipt} 2> >(tee {log} | sed -u "s/^/download {params.name}: /" >&2)
        """
