"""One plain function a command, for notebooks and scripts; the commands call the same functions.

Strings and paths in, objects out that show themselves and hand over pandas tables. Errors are `StreetsegError`s.
"""

from streetseg.api.data import check as check
from streetseg.api.data import convert as convert
from streetseg.api.data import encoders as encoders
from streetseg.api.data import fetch as fetch
from streetseg.api.data import get_network as get_network
from streetseg.api.data import init as init
from streetseg.api.data import networks as networks
from streetseg.api.deploying import bench as bench
from streetseg.api.deploying import calibrate as calibrate
from streetseg.api.deploying import export as export
from streetseg.api.deploying import push as push
from streetseg.api.scoring import audit as audit
from streetseg.api.scoring import evaluate as evaluate
from streetseg.api.training import compare as compare
from streetseg.api.training import study as study
from streetseg.api.training import train as train
from streetseg.api.use import load as load
from streetseg.api.use import measure as measure
from streetseg.api.use import predict as predict
