"""The public names of the package, each with its module: for type checkers, and for the loader in `__init__.py`."""

from . import diagrams as diagrams
from . import expiry as expiry
from . import saved_plan as saved_plan
from . import unlock as unlock
from .context import Context as Context
from .job import Job as Job
from .job import Step as Step
from .requests import CreateBase as CreateBase
from .requests import CreateEnv as CreateEnv
from .requests import DestroyBase as DestroyBase
from .requests import DestroyEnv as DestroyEnv
from .requests import Drift as Drift
from .requests import PreviewBase as PreviewBase
from .requests import PreviewEnv as PreviewEnv
from .requests import Refresh as Refresh
from .requests import Request as Request
from .requests import UpdateBase as UpdateBase
from .requests import UpdateEnv as UpdateEnv
from .requests import kind_of as kind_of
from .runner import run as run
from .use_cases import prepare as prepare
