"""Which candidates to evaluate, and at which fidelity.

kinds                which kind of acquisition a problem gets, and why
selection            picks pairs of candidate and rung, one by one, within the budget and the deadline
improvement          noisy expected (hypervolume) improvement, and what asking a lower rung first makes of it
entropy_search       max-value entropy search over rungs (GIBBON)
knowledge_gradient   the knowledge gradient over rungs and a discrete pool
agreement            how far a lower rung is to be believed
"""
