"""Types of the JSON object that each command prints with `--json`; their schemas are made of them.

The module of a command imports its type for mypy alone, so that the program does not wait for pydantic. Values that a
command prints as null where they do not exist may be NaN before; paths become strings.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import Field

from streetseg.json_files.data import DataFile, Findings
from streetseg.json_files.journal import JournalLine
from streetseg.json_files.measures import SummaryFile
from streetseg.json_files.model import ModelFile
from streetseg.json_files.network import NetworkCard
from streetseg.json_files.scores import DatasetRow, Fitted, ScoresFile
from streetseg.json_files.study import StudyFile
from streetseg.json_files.terms import Count, Fixed, Interval, NonNegative, Positive, Sha256, Share, Size
from streetseg.models.formats import EXPORT_PRECISIONS
from streetseg.recipe.schema import Recipe

Ids = Annotated[str, Field(json_schema_extra={"enum": ["model", "own", "cityscapes"]})]


class Failure(Fixed):
    """A failure of a command. The exit code says whether the work failed (1) or the request or data are wrong (2)."""

    error: str
    """what is wrong"""
    where: Sequence[str | Path]
    """files or parts of the command that it is about"""
    hint: str | None
    """what to do"""


class Study(Fixed):
    """Result of `streetseg study`."""

    out: Path
    """folder of the study"""
    report: Path | None
    """report, one HTML file"""
    verdict: str
    """which encoder is better, and by how much, in one sentence"""


class Train(Fixed):
    """Result of `streetseg train`."""

    folder: Path
    """run folder"""
    best_epoch: Positive | None
    """epoch of the best network, counted from 1"""
    val_iou: Share | None
    """mean IoU of the best network on the validation split, 0 to 1"""
    report: Path
    """report, one HTML file"""
    test_iou: NotRequired[Share | None]
    """mean IoU of the best network on the test split, 0 to 1; only where it was scored at the end"""


class Evaluate(ScoresFile):
    """Result of `streetseg evaluate` on one data set: scores.json, and the folder."""

    out: Path | None
    """folder of tables and error maps; null without --out"""


class DatasetScores(DatasetRow):
    """The scores on one of several data sets."""

    scores: ScoresFile
    """all scores"""


class EvaluateSeveral(Fixed):
    """Result of `streetseg evaluate` on several data sets."""

    datasets: Sequence[DatasetScores]
    """scores on each data set"""
    out: Path | None
    """folder with a folder for each; null without --out"""


class Calibrate(Fitted):
    """Result of `streetseg calibrate`."""

    out: Path
    """folder of the calibrated bundle"""


class Compare(StudyFile):
    """Result of `streetseg compare`: study.json, and the report."""

    report: Path | None
    """report, one HTML file"""


class LabeledImage(Fixed):
    """A labeled image, and the files that were written."""

    input: str | Path
    """image as named in the inputs"""
    size: Size
    """[height, width] in pixels"""
    ids: NotRequired[Path]
    """mask of class ids"""
    color: NotRequired[Path]
    """mask in the colors of the classes"""
    overlay: NotRequired[Path]
    """image with the colors over it"""
    confidence: NotRequired[Path]
    """confidence of each pixel"""
    probabilities: NotRequired[Path]
    """probabilities of each class"""
    logits: NotRequired[Path]
    """logits of each class"""
    coco: NotRequired[Path]
    """regions in COCO's format"""
    geojson: NotRequired[Path]
    """regions as GeoJSON"""


class PredictImages(Fixed):
    """Result of `streetseg predict` for images."""

    out: Path
    """folder of the results"""
    classes: Sequence[str]
    """names of the classes, in the order of the ids"""
    ids: Ids
    """which ids the masks hold, as --ids"""
    class_ids: Sequence[Count]
    """value of each class in the masks, in the order of the classes"""
    engine: str
    """torch, onnxruntime, openvino or litert"""
    precision: str
    """numbers that the network computes with, e.g. fp32"""
    images: Sequence[LabeledImage]
    """labeled images"""
    submission: NotRequired[Path]
    """ZIP file for the Cityscapes server; with --cityscapes-submission"""
    seconds: NonNegative
    """time that the command took, in seconds"""


class LabeledVideo(Fixed):
    """A labeled video, and the files that were written."""

    input: str
    """video as named in the inputs"""
    frames: Count
    """number of labeled frames"""
    seconds: NonNegative
    """time that it took, in seconds"""
    overlay: NotRequired[Path]
    """video with the colors over it"""
    color: NotRequired[Path]
    """video in the colors of the classes"""
    side: NotRequired[Path]
    """video with image and labels side by side"""
    ids: NotRequired[Path]
    """folder of masks, one per frame"""


class PredictVideos(Fixed):
    """Result of `streetseg predict` for videos."""

    out: Path
    """folder of the results"""
    classes: Sequence[str]
    """names of the classes, in the order of the ids"""
    ids: Ids
    """which ids the masks hold, as --ids"""
    smooth: Annotated[float, Field(ge=0, lt=1)]
    """weight of the frames before"""
    videos: Sequence[LabeledVideo]
    """labeled videos"""


class Measure(SummaryFile):
    """Result of `streetseg measure`: summary.json, and the folder."""

    out: Path
    """folder of tables, maps and the page"""


class Audit(Fixed):
    """Result of `streetseg audit`."""

    out: Path
    """folder of page and tables"""
    page: Path
    """page, one HTML file"""
    note: str
    """which network judged the images, and whether it was trained on them"""
    images: Count
    """number of audited images"""
    regions: Count
    """number of regions where labels and network disagree"""
    needs: Mapping[str, str]
    """class -> why it needs more images"""
    unread: Sequence[str]
    """images without labels that cannot be read, with the reason"""


class Parity(Fixed):
    """The agreement of an exported file with the network."""

    images: Positive
    """number of compared images"""
    sizes: Sequence[Size]
    """their sizes, each [height, width] in pixels"""
    difference: NonNegative
    """largest difference of two logits, as a share of the largest logit of its batch"""
    deviation: NonNegative
    """root mean square of the differences, as a share of that of the network's logits"""
    agreement: Share
    """share of pixels with the same label"""


class ClassCost(Fixed):
    """The IoU of a class before and after the export."""

    name: str
    """class"""
    before: Share | None
    """IoU of the network, 0 to 1"""
    after: Share | None
    """IoU of the file, 0 to 1"""
    interval: Interval
    """[low, high], 95 % interval of the loss in points (0 to 100); null where too few images show the class"""


class Cost(Fixed):
    """The mean IoU before and after the export, on the same images."""

    images: Positive
    """number of images"""
    before: Share | None
    """mean IoU of the network, 0 to 1"""
    after: Share | None
    """mean IoU of the file, 0 to 1"""
    interval: Interval
    """[low, high], 95 % interval of the loss in points (0 to 100); null where there are too few images"""
    classes: Sequence[ClassCost]
    """the same of each class"""


class Export(Fixed):
    """Result of `streetseg export`."""

    files: Sequence[Path]
    """files that were written"""
    bytes: Positive
    """size of all files together, in bytes"""
    precision: Annotated[str, Field(json_schema_extra={"enum": [*EXPORT_PRECISIONS]})]
    """numbers that the weights are stored with"""
    fixed_size: Size | None
    """[height, width] in pixels of the only images that the file takes; null if it takes any"""
    parity: Parity
    """agreement with the network"""
    cost: Cost | None
    """mean IoU before and after; null without --data"""


class Latency(Fixed):
    """The latency of a batch, in milliseconds."""

    p50: NonNegative
    """median"""
    p95: NonNegative
    """95th percentile"""
    mean: NonNegative
    """mean"""


class Benched(Fixed):
    """The measurement of a model in an engine."""

    model: Path
    """model as named"""
    encoder: str
    """timm's name of the encoder"""
    size: Size
    """[height, width] of the images, in pixels"""
    network_size: Size
    """[height, width] at which the network sees them, in pixels"""
    batch: Positive
    """images at a time"""
    engine: str
    """torch, onnxruntime, openvino or litert"""
    precision: str
    """numbers that the network computes with, e.g. fp32"""
    latency_ms: Latency
    """latency of a batch, from images in memory to labels in memory"""
    runs: Positive
    """number of measured runs"""
    images_per_second: NonNegative
    """throughput"""
    parameters: NotRequired[Positive]
    """parameters of the network; only of bundles"""
    macs: NotRequired[Positive]
    """multiply-accumulates of one image; only of bundles"""
    device: str
    """cpu, mps, or the name of the GPU"""
    threads: Positive
    """threads that compute"""
    peak_memory_mb: float | None
    """peak memory in MiB; null where the system does not report it"""
    auto: bool | None
    """whether the engine auto takes this one for many images; null if it has not measured yet"""
    mean_iou: NotRequired[Share | None]
    """mean IoU, 0 to 1; with --data"""


class Bench(Fixed):
    """Result of `streetseg bench`."""

    models: Sequence[Benched]
    """a measurement for each model and engine"""


class Push(Fixed):
    """Result of `streetseg push`."""

    model: str
    """address of what was pushed, as MODEL of a command: hub:OWNER/NAME[/FILE]@COMMIT"""
    url: str
    """page of the repository"""
    commit: str
    """commit that holds the files"""
    revision: str
    """branch"""
    private: bool
    """whether only its owner can see the repository"""
    license: str | None
    """license of the model; null where none was stated"""
    files: Mapping[str, Sha256]
    """name of a file -> SHA-256 of its content"""


class Serve(Fixed):
    """Output of `streetseg serve`, once it is ready."""

    url: str
    """address of the page and the HTTP API"""
    models: Sequence[str]
    """names of the models in the API"""
    workers: Positive
    """number of processes"""


class Check(Findings):
    """Result of `streetseg check`."""

    class_weights: Mapping[str, Mapping[str, NonNegative]] | None
    """value of loss.class_weights -> class -> weight, with mean 1; null if every pixel is ignored"""
    report: Path | None
    """page with images; null without --report"""
    lists: Mapping[str, Path]
    """split -> text file with the names of its images; with --write-splits"""


class Convert(Fixed):
    """Result of `streetseg convert`."""

    folder: Path
    """new folder"""
    data: str
    """new data set, as DATA of a command"""
    space: str
    """name of the label space"""
    splits: Mapping[str, Positive]
    """split -> number of images"""
    copied: Count
    """images that are copied byte for byte"""
    encoded: Count
    """images that are written as PNG, without loss"""
    lost: Mapping[str, Count]
    """what the format cannot hold (ignored_pixels, holes, changed_pixels) -> how much of it"""


class Init(Fixed):
    """Result of `streetseg init`."""

    out: Path
    """data.yaml that was written"""


class Fetch(Fixed):
    """Result of `streetseg fetch`."""

    out: Path
    """folder of the data set"""
    data: str | None
    """data set, as DATA of a command; null where its layout is not known"""
    files: Count
    """number of files unpacked"""
    terms: str
    """conditions of use"""


class Scenes(Fixed):
    """Result of `streetseg scenes`."""

    out: Path
    """folder of the data set"""
    splits: Mapping[str, Positive]
    """split -> number of images"""
    size: Size
    """[height, width] of the images, in pixels"""
    seed: Count
    """seed of the scenes"""
    version: Positive | str
    """version of the scenes: another one draws others"""
    seconds: NonNegative
    """time that it took, in seconds"""


class CachedStore(Fixed):
    """A store of decoded images."""

    data: str | None
    """data set; null where the store is damaged"""
    split: str | None
    """split; null where the store is damaged"""
    images: Count | None
    """number of images; null where the store is damaged"""
    bytes: Count
    """size in bytes"""
    last_use: str
    """local date and time of the last use, YYYY-MM-DD HH:MM"""
    unused: str | None
    """why the program does not use it any more; null if it does"""
    folder: Path
    """folder of the store"""


class CacheShow(Fixed):
    """Result of `streetseg cache show`."""

    folder: Path
    """cache folder"""
    bytes: Count
    """size of all stores, in bytes"""
    budget_bytes: Count
    """what a new store may take, in bytes"""
    stores: Sequence[CachedStore]
    """stores of decoded images"""
    drawn_bytes: Count
    """size of the drawn streets, in bytes"""


class CacheClear(Fixed):
    """Result of `streetseg cache clear`."""

    removed: Sequence[CachedStore]
    """stores that were removed"""
    bytes: Count
    """size of what was removed, in bytes"""
    in_use: Sequence[CachedStore]
    """stores that another process uses, which were kept"""
    drawn_bytes: Count
    """size of the drawn streets that were removed, in bytes"""


class NetworksList(Fixed):
    """Result of `streetseg networks list`."""

    box: str
    """name of the network in the box"""
    networks: Sequence[NetworkCard]
    """cards of all networks, that of the box first"""
    places: Mapping[str, str]
    """name -> folder or address of its files"""


class NetworksGet(Fixed):
    """Result of `streetseg networks get`."""

    out: Path
    """folder of the network"""
    model: Path
    """the MODEL to give to a command"""
    files: Count
    """number of its files"""
    condition: str | None
    """condition of use, which was accepted; null where there is none"""


class Encoder(Fixed):
    """Facts of an encoder."""

    name: str
    """timm's name"""
    parameters: Positive
    """parameters without the classifier"""
    macs: Count | None
    """multiply-accumulates of one image of the size; null where the encoder takes no such image"""
    strides: Sequence[Positive]
    """strides of its feature maps"""
    usable: bool
    """whether a network can be built on it"""
    weights: str
    """here, to download, or none where timm publishes none"""
    license: str | None
    """license of the published weights; null where timm does not say"""


class Encoders(Fixed):
    """Result of `streetseg encoders`."""

    size: Size
    """[height, width] in pixels of the image that macs are counted for"""
    encoders: Sequence[Encoder]
    """facts of each encoder"""


class Machine(Fixed):
    """The machine."""

    system: str
    """operating system"""
    python: str
    """version of Python and its path"""
    cores: Positive
    """cores that this process may use"""
    memory_gib: NonNegative
    """memory in GiB"""


class Disk(Fixed):
    """The disk of the present folder."""

    folder: str
    """present folder"""
    free_gib: NonNegative
    """free space in GiB"""
    writable: bool
    """whether this process can write there"""


class Doctor(Fixed):
    """Result of `streetseg doctor`."""

    machine: Machine
    """the machine"""
    versions: Mapping[str, str]
    """package -> version, or "not installed\""""
    accelerators: Mapping[str, str]
    """device -> name and memory; "none" -> the reason why there is none"""
    disk: Disk
    """disk of the present folder"""
    environment: Mapping[str, str]
    """variables that the program reads and that are set -> their value; a secret is hidden"""


class Completion(Fixed):
    """Result of `streetseg completion`."""

    shell: str
    """shell that the script is for"""
    script: str
    """text that the shell reads"""


class RecipeShow(Fixed):
    """Result of `streetseg recipe show`."""

    recipe: Recipe
    """every value of the recipe"""
    sources: NotRequired[Mapping[str, str]]
    """field -> the source of its value; with --sources"""


class RecipeList(Fixed):
    """Result of `streetseg recipe list`."""

    recipes: Mapping[str, str]
    """name of a shipped recipe -> what it is for"""


class RecipeCheck(Fixed):
    """Result of `streetseg recipe check`."""

    recipe: str
    """recipe file"""
    sets: Mapping[str, str]
    """field that is not the default -> the source of its value"""


class PredictImagesFailed(PredictImages, Failure):
    """Result of `streetseg predict` where images cannot be read, and the error that names them."""


class MeasureFailed(Measure, Failure):
    """Result of `streetseg measure` where images cannot be read, and the error that names them."""


class AuditFailed(Audit, Failure):
    """Result of `streetseg audit` where images without labels cannot be read, and the error that names them."""


class CheckFailed(Check, Failure):
    """Result of `streetseg check` for data that cannot be used, and the error that names the files."""


# Command -> the type of what it prints where it does not fail.
COMMAND_OUTPUTS: dict[str, Any] = {
    "study": Study,
    "train": Train,
    "evaluate": Evaluate | EvaluateSeveral,
    "calibrate": Calibrate,
    "compare": Compare,
    "predict": PredictImages | PredictImagesFailed | PredictVideos,
    "measure": Measure | MeasureFailed,
    "audit": Audit | AuditFailed,
    "export": Export,
    "bench": Bench,
    "push": Push,
    "serve": Serve,
    "check": Check | CheckFailed,
    "convert": Convert,
    "init": Init,
    "fetch": Fetch,
    "scenes": Scenes,
    "networks list": NetworksList,
    "networks get": NetworksGet,
    "cache show": CacheShow,
    "cache clear": CacheClear,
    "encoders": Encoders,
    "doctor": Doctor,
    "completion": Completion,
    "recipe show": RecipeShow,
    "recipe list": RecipeList,
    "recipe check": RecipeCheck,
}
# File -> its type, or that of each of its lines, where others rely on it.
FILES: dict[str, Any] = {
    "scores.json": ScoresFile,
    "study.json": StudyFile,
    "model.json": ModelFile,
    "data.json": DataFile,
    "journal.jsonl": JournalLine,
    "summary.json": SummaryFile,
}
