"""Compare models on the same items and resamples.

Reads:     items, all predictions
Writes:    results/comparisons.csv: chosen pairs; results/differences.csv: the first student and every other model
"""


rule compare:
    input:
        item_tables=ITEMS,
        predictions=paths.files_of(PREDICTIONS),
    output:
        csv=report(
            "results/comparisons.csv",
            caption="../report/comparisons.rst",
            category="Tables",
        ),
    log:
        "results/logs/compare.log",
    conda:
        "../../envs/core.yaml"
    params:
        job=JOB["core"],
        settings=settings("evaluation"),
        predictions=named_files("--predictions", PREDICTIONS),
        pairs=repeated("--pair", comparisons.pairs(CONFIG)),
        code=code("compare"),
    shell:
        """
        {params.job} --code {params.code} --inputs {input:q} --outputs {output} -- \
            python -m umui.cli compare --settings {params.settings:q} --items {input.item_tables} \
            {params.predictions} {params.pairs} --csv {output.csv} 2>{log}
        """


rule differences:
    input:
        item_tables=ITEMS,
        predictions=paths.files_of(comparisons.competitors(CONFIG)),
    output:
        csv=report(
            "results/differences.csv",
            caption="../report/differences.rst",
            category="Tables",
        ),
    log:
        "results/logs/differences.log",
    conda:
        "../../envs/core.yaml"
    params:
        job=JOB["core"],
        settings=settings("evaluation"),
        first=comparisons.first_student(CONFIG),
        predictions=named_files("--predictions", comparisons.competitors(CONFIG)),
        code=code("differences"),
    shell:
        """
        {params.job} --code {params.code} --inputs {input:q} --outputs {output} -- \
            python -m umui.cli differences --settings {params.settings:q} --first {params.first:q} \
            --items {input.item_tables} {params.predictions} --csv {output.csv} 2>{log}
        """
