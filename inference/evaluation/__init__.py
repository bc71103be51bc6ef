"""Algorithm 2 of the paper and its tables: what networks are worth, and what they cost.

evaluate ► a Result a case       metrics, summary, tables, pictures ► its figures
distortions, strangers ► whether they hold on other images           benchmark ► Table 4
paper ► what the paper reports, to stand beside
"""
