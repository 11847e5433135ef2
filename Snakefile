# From media and texts to calibrated probabilities with their intervals.  `snakemake --cores all results/table3.csv`
include: "workflow/Snakefile"


rule default:
    input:
        rules.all.input,
