"""Count what figures show: numbers, no drawing.

Reads:     items, predictions
Writes:    results/figures/figure3.csv (agreement with annotators), figure4.csv and figure6.csv (distributions),
           reliability.csv
Wildcards: figure: one of distributions
"""


rule agreement:
    input:
        item_tables=ITEMS,
        predictions=paths.files_of(figures.raters(CONFIG)),
    output:
        csv="results/figures/figure3.csv",
    log:
        "results/logs/agreement.log",
    conda:
        "../../envs/core.yaml"
    params:
        job=JOB["core"],
        settings=settings("evaluation"),
        predictions=named_files("--predictions", figures.raters(CONFIG)),
        code=code("agreement"),
    shell:
        """
        {params.job} --code {params.code} --inputs {input:q} --outputs {output} -- \
            python -m umui.cli agreement --settings {params.settings:q} --items {input.item_tables} \
            {params.predictions} --csv {output.csv} 2>{log}
        """


rule distributions:
    input:
        item_tables=ITEMS,
        predictions=lambda wildcards: paths.files_of(
            figures.distributions(CONFIG)[wildcards.figure]
        ),
    output:
        csv="results/figures/{figure}.csv",
    log:
        "results/logs/distributions/{figure}.log",
    wildcard_constraints:
        figure=any_of(figures.distributions(CONFIG)),
    conda:
        "../../envs/core.yaml"
    params:
        settings=settings("evaluation"),
        predictions=lambda wildcards: named_files(
            "--predictions", figures.distributions(CONFIG)[wildcards.figure]
        ),
        code=code("distributions"),
    shell:
        """
        python -m umui.cli distributions --settings {params.settings:q} --items {input.item_tables} \
            {params.predictions} --csv {output.csv} 2>{log}
        """


rule reliability:
    input:
        item_tables=ITEMS,
        predictions=paths.files_of(PREDICTIONS),
    output:
        csv="results/figures/reliability.csv",
    log:
        "results/logs/reliability.log",
    conda:
        "../../envs/core.yaml"
    params:
        job=JOB["core"],
        settings=settings("evaluation"),
        predictions=named_files("--predictions", figures.reliability(CONFIG)),
        code=code("reliability"),
    shell:
        """
        {params.job} --code {params.code} --inputs {input:q} --outputs {output} -- \
            python -m umui.cli reliability --settings {params.settings:q} --items {input.item_tables} \
            {params.predictions} --csv {output.csv} 2>{log}
        """
