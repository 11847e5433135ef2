"""Draw figures from their numbers.

Reads:     results/figures/*.csv, training logs
Writes:    results/figures/{figure}.svg, .png; figure5.csv (batching) and training.csv, which are drawn as they are made
Wildcards: figure: one of distributions
"""


rule reliability_figure:
    input:
        csv="results/figures/reliability.csv",
    output:
        svg=report(
            "results/figures/reliability.svg",
            caption="../report/reliability.rst",
            category="Figures",
        ),
        png="results/figures/reliability.png",
    log:
        "results/logs/reliability_figure.log",
    conda:
        "../../envs/core.yaml"
    params:
        code=code("reliability-figure"),
    shell:
        """
        python -m umui.cli reliability-figure --csv {input.csv} --svg {output.svg} --png {output.png} 2>{log}
        """


rule agreement_figure:
    input:
        csv="results/figures/figure3.csv",
    output:
        svg=report(
            "results/figures/figure3.svg",
            caption="../report/figure3.rst",
            category="Figures",
        ),
        png="results/figures/figure3.png",
    log:
        "results/logs/agreement_figure.log",
    conda:
        "../../envs/core.yaml"
    params:
        code=code("agreement-figure"),
    shell:
        """
        python -m umui.cli agreement-figure --csv {input.csv} --svg {output.svg} --png {output.png} 2>{log}
        """


rule distributions_figure:
    input:
        csv="results/figures/{figure}.csv",
    output:
        svg=report(
            "results/figures/{figure}.svg",
            caption="../report/distributions.rst",
            category="Figures",
        ),
        png="results/figures/{figure}.png",
    log:
        "results/logs/distributions_figure/{figure}.log",
    wildcard_constraints:
        figure=any_of(figures.distributions(CONFIG)),
    conda:
        "../../envs/core.yaml"
    params:
        code=code("distributions-figure"),
    shell:
        """
        python -m umui.cli distributions-figure --csv {input.csv} --svg {output.svg} --png {output.png} 2>{log}
        """


rule batching_curves:
    input:
        students=[
            paths.student_directory(student)
            for student in figures.students_by_batching(CONFIG)
        ],
    output:
        csv="results/figures/figure5.csv",
        svg=report(
            "results/figures/figure5.svg",
            caption="../report/figure5.rst",
            category="Figures",
        ),
        png="results/figures/figure5.png",
    log:
        "results/logs/batching_curves.log",
    conda:
        "../../envs/core.yaml"
    params:
        logs=named_files(
            "--logs", figures.training_logs(figures.students_by_batching(CONFIG))
        ),
        losses=repeated("--loss", figures.losses(CONFIG)),
        code=code("batching-curves"),
    shell:
        """
        python -m umui.cli batching-curves {params.logs} {params.losses} --csv {output.csv} \
            --svg {output.svg} --png {output.png} 2>{log}
        """


rule training_curves:
    input:
        students=[
            paths.student_directory(student)
            for student in entries.main_students(CONFIG)
        ],
    output:
        csv="results/figures/training.csv",
        svg=report(
            "results/figures/training.svg",
            caption="../report/training.rst",
            category="Figures",
        ),
        png="results/figures/training.png",
    log:
        "results/logs/training_curves.log",
    conda:
        "../../envs/core.yaml"
    params:
        logs=named_files("--logs", figures.training_logs(entries.main_students(CONFIG))),
        losses=repeated("--loss", figures.losses(CONFIG)),
        code=code("training-curves"),
    shell:
        """
        python -m umui.cli training-curves {params.logs} {params.losses} --csv {output.csv} \
            --svg {output.svg} --png {output.png} 2>{log}
        """
