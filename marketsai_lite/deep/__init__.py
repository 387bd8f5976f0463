"""Deep agents, for any number of agents.

Each file holds one idea; in the order of reading:

=====================  =============================================================================
`equations`            what the papers print, each equation a pure function
`control_variates`     the part of an agent's errors that the exogenous shocks explain, subtracted
`networks`             networks for one agent or n, with weights that they share or of their own
`policies`             what a group of agents observes and remembers becomes an action
`critics`              what states are worth, by what each agent knows or by everything there is
`adam`                 gradient steps on one vector that holds all weights
`replay`               the latest experience of all copies, to learn from again
`world`                the copies of an economy, with observations and rewards standardized
`decisions`            the replay of an agent that learns from single decisions
`rollout`              acting: some periods are played and kept as a path
`experience`           what a path taught, shuffled and divided into minibatches
`q_networks`           the value of every action, for deep Q-learning
`mixers`               what each agent's action is worth becomes what a team's actions are worth
`soft_networks`        policies and twin critics, for soft actor-critic
`joint_critics`        critics that see what all agents observe and do
`run`                  curves, checkpoints, and a watch for what is not finite
`train`                the one loop that trains every agent, and what it asks of an agent
`ppo`                  proximal policy optimization
`impala`               actors that lag behind a learner, who corrects for it by V-trace
`dqn`                  deep Q-learning, with what made it work
`sac`                  soft actor-critic
`maddpg`               deterministic policies with critics that see all agents
`apg`                  the analytic policy gradient, which knows the economy
=====================  =============================================================================

To train one: ``train.train(Batch(economy, 64), ppo.Config(), seed=0)``.
The words of the field, such as TD error, replay or off-policy, are explained in
``book/glossary.md``.
"""
