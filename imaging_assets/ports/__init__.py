"""What the outside world must offer: abstract, small, each with its promises.

Belongs here: abstract classes over records. Does not: any implementation (`embedded/`, `azure/`) or any rule of the
pipeline (`stages/`). Each port is proved by one contract suite in `imaging_assets_tests/contracts/`, run over every
implementation.
"""
